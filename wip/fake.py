import sys, time
exec(open('/work/tmp/diag.py').read().split("picks=uniforms(p)")[0].replace("('skiest_2004'","('porter_2009','skiest_2004'").replace("Variant(label='')","Variant(label='',values={'expanded_trapping':0})"))
from immunode.calibration.population.refits import *
from immunode.calibration.population.effects import trial_parts
picks=uniforms(p); x=p.start
crowd=Crowd(p, drawn_from(p.values(x)))
here=anchor(p,crowd,x,picks); at=coordinates_at(here,x)
crowd=Crowd(p, around(p,replace(at,centre=x))); here=anchor(p,crowd,x,picks); at=coordinates_at(here,x)
print('eff', [o.min().round() for o in here.effective_by_trial(x)])
t=time.time(); near=neighbourhood(here,at); print('near',time.time()-t)
best=near.best(); v=at.inner(best.x[0]); print('best',best.deviance,best.edge, np.linalg.norm(v), v.round(1), p.natural(best.x[0]))
def by(v):
    out=[]
    for s,d in zip(near.surfaces,near.seen):
        pt=trial_parts(s,d,v[None],near.effects.unit); out.append(((pt.z**2).sum().round(1), pt.log_det.round(1)[0], pt.odds.round(1).tolist()))
    return out
names=[o.trial.name for o in p.trials]
for n,a,b in zip(names,by(0*v),by(v)): print(n,a,b)
import pickle
pickle.dump(None,open('/dev/null','wb'))
g=np.random.default_rng(0)
# check surfaces against truth at random directions radius 2,3.5,5
for r in (1.,2.,3.5,5.):
    for k in range(3):
        u=g.standard_normal(len(x)); u*=r/np.linalg.norm(u)
        xx=p.bounded(x+at.axes@u)
        m=here.moments(xx); eff=min(o.min() for o in here.effective_by_trial(xx))
        from immunode.calibration.population.likelihood import deviance
        true=sum(deviance(s,mm) for s,mm in zip(here.seen,m)); 
        ss=slopes(near.surfaces,near.seen,u[None],Effects()) if False else None
        tot=[]
        for s,d,mm,sd in zip(near.surfaces,near.seen,m,here.seen):
            pt=trial_parts(s,d,u[None],near.effects.unit)
            w=np.linalg.cholesky(mm.covariance) if len(mm.mean) else np.zeros((0,0))
            tot.append(float(pt.log_det[0]-2*np.log(np.diag(w)).sum()))
        print(r, 'eff',round(eff), 'logdet err', np.round(tot,1))
