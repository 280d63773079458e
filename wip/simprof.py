import time
exec(open('/work/tmp/diag.py').read().split("picks=uniforms(p)")[0])
from immunode.calibration.population.simulated import simulate_trial
from immunode.calibration.population.search import drawn_from
x=p.start; df=drawn_from(p.values(x))
simulate_trial(p.trials[0].trial, df, 200,1,2)
for one in p.trials:
    t=time.time(); simulate_trial(one.trial, df, p.patients, 1, 2); print(one.trial.name, len(one.trial.arms), f'{time.time()-t:.1f}', flush=True)
