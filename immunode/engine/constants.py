"""Number what both Python and machine code know: lanes, rows and columns, kinds of events, marks of the loop."""

from llvmlite import binding

# doubles in a vector of 256 bits, or of 128 where there is no more: enough for few patients
VECTOR = 4 if binding.get_host_cpu_features().get("avx") else 2
LANES = 4 * VECTOR  # several vectors a row, of 512 bits where there are such, hide the latency of one
# lanes of a step that has directions: what it computes of the states for these stays in the fastest cache (26 KB, of
# six states by rodas5p) while their directions are followed; of all lanes it does not
TILE = LANES // 2

# time, size of the step being tried (0 = only the slope is wanted), its squared error in units of the tolerance,
# size to try next, next time to stop at, next output time, 1 if accepted, 1 if the lane needs a look, counters,
# largest growth of the step, what to do after a step of size zero, threshold of the watched state,
# end of the step being tried, fastest rate that the step saw, how many steps in a row the other method would do better;
# of switches: next time known beforehand, time located by the last step, how many in a row brought no time on, when;
# next time when a trigger is due; how far the step being tried may go, and the stop to which it must not go any further
T, H, ERR, TRY, STOP_AT, OUT_AT, ACCEPTED, LOOK, TAKEN, TRIED, GROW, FRESH, LIMIT, END, RHO, COUNT = range(16)
NEXT, LOCATED, STALL, STALL_AT, WAITS, TARGET, SEEN = range(16, 23)
CONTROL_ROWS = 23
NEVER = 1e300  # a time
FLUSH = 1e-100  # what has decayed to nothing must not become subnormal: that makes every operation 100 times slower

# kinds of events
ADD, RATE, REPLACE, MULTIPLY, STOP, PUT, DRIP, RESET, PARAMETER, OUTPUT = range(10)
GUESS, KEEP = 1.0, 2.0  # after a step of size zero: guess a step size, or keep the one there is
WAITING, LANDED = 1, 2  # for the slope before an event that moves, and for the slope after it
UNSMOOTH = -1  # two events that move apart meet, and their order matters: there is no derivative

NEW, DONE = -2, -1  # in place of the next event: of a patient that has not begun, and of one that waits for nothing
ATONCE = 64  # outputs of one step are made at once, as vector code over time
GONE = ATONCE  # where in the widths of cells it stands how much of the step they make up
COARSE = 6

# the mesh of a step
# cells of the mesh in a time as long as what has gone by: an input as wide as 1/1000 of its time has a place in it
CELLS = 1280.0
START = 1e-4  # of a step, below which the mesh is even: where time begins at zero
WAVE = 0.25  # of a rhythm (radians): places at most so far from each other
TURN = 0.1  # of a rhythm (radians) whose peaks may be sharp: places at most so far from each other
FINEST = 1e-6  # of a step: a rhythm that turns so often in it cannot be followed
LEAST = 1e-12  # of a step, which a cell always brings on

# of switches and triggers
# what happens at a time: a located switch; one that time brings, which may also only add to slopes; of events doses,
# rates, what sets states or parameters, and what changes the side of a switch
SOUGHT, TIMED, ADDED, DOSED, DRIPPED, SET, TURNED = range(7)
WHO, WHEN, DOUBT, KIND, BEGAN, MEETING = range(6)  # columns of what happened last; behind, how its time moves
OF_STATES, OF_SCALES, SORT, COME_MORE = range(4)  # columns of how switches come, behind the directions: `moving`
REACHED, NEARED = 3, 6  # in place of WAITING: for the slope after a switch, and for the slope before it
FORESEEN = 7  # in place of WAITING: for the slope before events that may leave a threshold behind
TRUTH, PRIORITY, PERSISTS, FIRST, KEPT, DELAY = range(6)  # columns of weights; behind, how the delay changes
WEIGHTS = DELAY  # columns before those of blocks
SLOTS = 16  # of one trigger, that wait at a time
FIRED, AGAIN = 4, 5  # in place of WAITING: for the slope after triggers; for a look at them after doses

# what state i is to state q: nothing, of the same unit, of the same unit and flowing into it; and a state to itself
OTHER, ALIKE, FEEDS = 0.0, 1.0, 2.0
DECLARED, UNDECLARED = 0.0, 1.0
