"""rnnkit's layers beside their peers: every figure is a ratio of one run, after equality is proved.

A case is a cell, a shape and lengths; its tasks are inference and training (forward, and backward
to all weights and the input, from an initial state of zeros, with sum(output * fixed tensor) as the
loss). Each library computes a case in its own arrays, which are made before the clock starts, and
leaves its results in them.

How it is measured, so that each library is seen at its best:
- All live in one process and on the same cores, with the same number of threads each.
- Before anything is timed, outputs, last states and gradients are compared with `torch.nn` in
  float64. A library that does not compute the case, or computes it wrongly, is left out of it.
- Thread pools go on spinning after a call and would disturb the next library's. So a library's
  calls are timed in blocks of several, after a pause in which the others fall asleep and one call
  that wakes its own pool and is not counted.
- The blocks take turns, in an order that changes each round, and so share whatever else the machine
  does. A figure is the median of all timed calls.
- The machine's limit (multiply-adds in registers alone) takes its turn among them.
"""
