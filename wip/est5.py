"""The same as immunode fit, with a line a stage."""
import sys, time
from pathlib import Path
from immunode.calibration.fit_file import load_fit
from immunode.calibration.declared_population import fit_declared, other_reading, result_of_population
from immunode.calibration.fit_readings import fit_readings
from immunode.calibration.report import write
from immunode.calibration.population import fit as F
name, kept, out = sys.argv[1:4]
for o in (out+'_interim',out): Path(o).mkdir(exist_ok=True)
file=load_fit('fits/'+name)
t=time.time()
table=F.interval_table
def told(near,*rest):
    p=near.anchor.problem; b=near.best().x[0]
    print('RAW', dict(zip(p.free,p.natural(b).round(6))), 'moved', F.np.linalg.norm(near.at.inner(b))/len(b)**.5, flush=True)
    return table(near,*rest)
F.interval_table=told
fit=fit_declared(file, 1, lambda *a: print(f'{(time.time()-t)/60:.1f}', *a, flush=True), resume=Path(kept)/'fit.json')
write(result_of_population(name,file,fit,[],[]), Path(out+'_interim')); print('interim',flush=True)
moved=[]
for r in fit_readings(file):
    moved.append(other_reading(file,fit,r,1,None)); print(f'{(time.time()-t)/60:.1f}', r.variant.label, flush=True)
write(result_of_population(name,file,fit,moved,[]), Path(out)); print('final',flush=True)
