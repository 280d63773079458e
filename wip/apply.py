import sys, json, re, shutil
R='/work/w13/'
for k,n in (('a','il2_cd4'),('l','il2_cd4_lymph')):
    for f in ('result.json','report.md','residuals.png','profiles.png'):
        shutil.copy(f'/work/out_{k}4/{f}', f'{R}fits/{n}/{f}')
r=json.load(open(R+'fits/il2_cd4/result.json')); l=json.load(open(R+'fits/il2_cd4_lymph/result.json'))
est={k:float(f"{v['value']:.3g}") for k,v in r['estimates'].items()}|{k:float(f"{v:.3g}") for k,v in r['derived'].items()}
print(est)
p=R+'immunode/models/cd4_turnover.py'; t=open(p).read()
for name in ('supply','setpoint_cd4','trapped_max','EC50','nadir_power','expanded_loss','decline','recruitment'):
    t,n=re.subn(rf'Parameter\("{name}", [\d.e-]+,', f'Parameter("{name}", {est[name]!r},', t); assert n==1,name
om=dict(recruitment=est['omega_recruitment'],supply=est['omega_supply'],trapped_max=0.4,setpoint_cd4=0.25,EC50=0.7,nadir_power=0.4,expanded_loss=0.6,decline=0.6)
t,n=re.subn(r'        omega=\{[^}]*\},\n','        omega={'+', '.join(f'"{k}": {v}' for k,v in om.items())+'},\n',t); assert n==1
lp=l['estimates']['lymph_potency']['value']
t,n=re.subn(r'source="assumed 0; about [\d.]+ in place of EC50',f'source="assumed 0; about {lp:.1g} in place of EC50',t); assert n==1
open(p,'w').write(t)
p=R+'immunode/trials/tincati_2008/trial.toml'; t=open(p).read()
all_={**om,'ka':0.27,'CL':0.3,'F':0.3,'setpoint_rna':1.0}
t,n=re.subn(r'(?m)^omega = \{.*\}$','omega = { '+', '.join(f'{k} = {v}' for k,v in all_.items())+' }',t); assert n==1
open(p,'w').write(t)
print(r['foretold_summary']); print(r['tau'])
