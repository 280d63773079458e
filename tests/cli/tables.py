"""An event table of two patients."""

EVENTS = "ID,TIME,AMT,CMT,EVID,II,ADDL\n1,0,3,sc,1,1,4\n1,2,0,0,0,0,0\n1,7,0,0,0,0,0\n2,0,3,sc,1,1,4\n2,2,0,0,0,0,0\n"
