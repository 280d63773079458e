import json,time
import numpy as np
from dataclasses import replace
from immunode.calibration.fit_file import load_fit, Variant
from immunode.calibration.declared_population import fit_arguments
from immunode.calibration.population.fit import population_problem
from immunode.calibration.population import surface as S, neighbourhood as N
from immunode.calibration.population.search import coordinates_at,_apart
from immunode.calibration.population.neighbourhood import Neighbourhood
from immunode.calibration.population.problem import Crowd, anchor, uniforms
from immunode.calibration.population.recipe import _values_of
from immunode.evidence.library import load_evidence
np.set_printoptions(linewidth=200,precision=3,suppress=True)
file=load_fit('fits/il2_cd4_lymph')
p=population_problem([load_evidence(x) for x in file.evidence], **fit_arguments(file,Variant(label=''),1))
d=json.load(open('/work/kept_l5/fit.json'))['starts']['1']
x=np.array(d['anchor']); t=time.time()
here=anchor(p,Crowd(p,[_values_of(v) for v in d['drawn_from']]),x,uniforms(p))
at=coordinates_at(here,x)
anchors=[here]+[N._beside(here,k) for k in (1,2)]
print(f'{time.time()-t:.0f}s crowds',flush=True)
pts,deg=S.design(len(x),2)
ax,_=S.axial(np.repeat([1.0,1.0],[len(x),2])); ax2,_=S.axial(np.repeat([2.0,1.0],[len(x),2]))
sets={}
for name,q in (('design',pts),('ax1',ax[1:]),('ax2',ax2[1:])):
    sets[name]=[r for a in anchors for r in N._at_points(a,at,q)]
    print(f'{time.time()-t:.0f}s',name,flush=True)
def build(names,nearer,mult={}):
    S.NEARER=nearer
    rows=[]
    for n in names: rows+= [(r,mult.get(n,1.)) for r in sets[n] if not isinstance(r,Exception)]
    placed=np.array([r[0] for r,_ in rows]); mom=[r[1] for r,_ in rows]; w=[np.array(r[2])*m for r,m in rows]
    surf=[S.surface(placed,deg,[m[k] for m in mom],np.array([q[k] for q in w])) for k in range(len(p.trials))]
    surf.append(p.priors.surface(at,2))
    return Neighbourhood(here,at,surf,anchors[1:])
base=None
for names,nearer,mult in ((['design'],.6,{}),(['design'],.4,{}),(['design'],.9,{}),(['design','ax1','ax2'],.6,{}),(['design','ax1'],.6,{'ax1':3.}),(['design','ax1','ax2'],.4,{}),(['ax1','design'],.4,{'ax1':3.})):
    n=build(names,nearer,mult); b=n.best().x[0]
    print(names,nearer,mult,'surf min',round(float(n.best().deviance[0]),2),'moved',round(_apart(at,b,x),3),'v',at.inner(b),flush=True)
    if base is None: base=n; b0=b
    print('   by planes there',round(n.by_planes(p.bounded(b)),2),f'{time.time()-t:.0f}s',flush=True)
for part in (0,.25,.5): print('part',part,'of the first',round(base.by_planes(p.bounded(x+part*(b0-x))),2),flush=True)
