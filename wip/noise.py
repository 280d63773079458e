exec(open('/work/tmp/d1.py').read().split("d=json.load")[0])
from immunode.calibration.population.problem import Crowd, anchor, uniforms
import immunode; print(immunode.__file__)
np.set_printoptions(linewidth=200,precision=3,suppress=True)
x=p.start
def val(n,x): return float(slopes_on(n.surfaces,n.seen,n.at.inner(x)[None],n.effects).deviance[0])
at=None; devs=[]; means=[]; mins=[]; grads=[]
for seed in range(1,6):
    q=replace(p,seed=seed)
    t=time.time()
    if at is None:
        c=Crowd(q,drawn_from(q.values(x))); at=coordinates_at(anchor(q,c,x,uniforms(q)),x)
    crowd=Crowd(q,around(q,replace(at,centre=x))); here=anchor(q,crowd,x,uniforms(q))
    pl=neighbourhood(here,replace(at,centre=x,axes=.25*at.axes),4.)
    s=slopes_on(pl.surfaces,pl.seen,np.zeros((1,len(x))),pl.effects)
    devs.append(float(s.deviance[0])); grads.append(2*s.gradient[0]/.25)
    means.append(np.concatenate([m.mean for m in here.moments(x)]))
    sds=np.concatenate([np.sqrt(np.diag(m.covariance)) for m in here.moments(x)])
    print(seed,f'{time.time()-t:.0f}s',devs[-1],'eff',here.effective(x).min().round(),'newton |v|',np.linalg.norm(grads[-1]/2).round(2),flush=True)
means=np.array(means); grads=np.array(grads)
print('dev sd',np.std(devs,ddof=1)); print('sd of gradient (v units, /2)',grads.std(axis=0,ddof=1)/2, 'total', np.sqrt((grads.std(axis=0,ddof=1)**2).sum())/2)
labels=[r.label for o in here.terms for r in o.kept]
z=means.std(axis=0,ddof=1)/sds
for l,a in zip(labels,z): print(f'{a:.2f} {l}')
print('rms',np.sqrt((z**2).mean()))
