import sys,json,time
exec(open('/work/tmp/d1.py').read().replace('kept_{k}3','kept_{k}4').split("t=time.time()\no=")[0])
import immunode.calibration.population.neighbourhood as NB
from immunode.calibration.population.problem import Crowd, anchor, uniforms
from immunode.calibration.population.effects import trial_parts
np.set_printoptions(linewidth=200,precision=2,suppress=True)
def val(n,x): return float(slopes_on(n.surfaces,n.seen,n.at.inner(x)[None],n.effects).deviance[0])
x=np.array(d['anchor'])
if len(sys.argv)>2: x=p.start
t=time.time(); crowd=Crowd(p,drawn_from(p.values(x))); at=coordinates_at(anchor(p,crowd,x,uniforms(p)),x)
crowd=Crowd(p,around(p,replace(at,centre=x))); here=anchor(p,crowd,x,uniforms(p)); at=coordinates_at(here,x); print('crowd',time.time()-t,flush=True)
base=here.effective_by_trial(x)
def told_ess(here, x, shift):
    eff=here.effective_by_trial(x, shift)
    m=here.moments(x,shift)
    if not all(NB._definite(o.covariance) for o in m): raise SolveError("few")
    return m,[float((e/b).min())**POW for e,b in zip(eff,base)]
from immunode.errors import SolveError
old=NB._told
for nm,fn,POW,near_,reach in (('old',old,1,4.,6.),('ess1 4',told_ess,1.,4.,4.),('ess1 3',told_ess,1.,3.,4.),('sqrt 3',told_ess,.5,3.,4.)):
    NB._told=fn; SF.NEAR=near_; SF.REACH=reach
    import immunode.calibration.population.refits as RF
    if hasattr(RF,'REACH'): RF.REACH=reach
    n=NB.neighbourhood(here,at); b=n.best().x[0]
    print(nm,f'{time.time()-t:.0f}s','best v',n.at.inner(b),np.linalg.norm(n.at.inner(b)).round(2),p.natural(b))
    NB._told=old
    for f in (0.,.5,1.):
        y=x+f*(b-x); print('   ',f,'surf',round(val(n,y),2),'planes',round(n.by_planes(y),2),'eff',here.effective(y).min().round())
    g=np.random.default_rng(3); errs=[]
    for r in (2.,2.,2.,3.,3.,3.):
        u=g.standard_normal(len(x)); u*=r/np.linalg.norm(u); y=p.bounded(x+at.axes@u); errs.append(val(n,y)-val(n,x)-(n.by_planes(y)-n.by_planes(x)))
    print('    errs at 2,2,2,3,3,3',np.array(errs),flush=True)
