import sys
from pathlib import Path
from immunode.calibration.fit_file import load_fit
from immunode.calibration.declared_population import fit_declared, other_reading, result_of_population
from immunode.calibration.fit_readings import fit_readings
from immunode.calibration.report import write
name, interim, final, kept = sys.argv[1:5]
file=load_fit(name)
fit=fit_declared(file, 1, lambda *a: None, resume=Path(kept)/'fit.json')
write(result_of_population(name,file,fit,[],[]), Path(interim)); print('interim',flush=True)
moved=[other_reading(file,fit,r,1,None) for r in fit_readings(file)]
write(result_of_population(name,file,fit,moved,[]), Path(final)); print('final',flush=True)
