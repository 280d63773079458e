import json,sys
a,b=(json.load(open(f))['figures'] for f in ('/work/tmp/trial_before.json',sys.argv[1]))
b={f['label']:f for f in b}
print('| figure | printed | before | now |\n|---|---|---|---|')
for f in a:
    g=b[f['label']]
    if f['kind'] in('given','not_modelled'): continue
    if f['test']:
        cells=[f"{100*x['p_below_05']:.0f} % of trials below 0.05" for x in (f,g)]
    elif f['simulated'] is not None: cells=[f"{x['simulated']:.3g} ({x['low']:.3g} to {x['high']:.3g})" for x in (f,g)]
    else: continue
    print(f"| {f['label']} | {f['published']} | {cells[0]} | {cells[1]} |")
