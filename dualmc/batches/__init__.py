"""One function at many points: what the verbs answer under ``batch=``.

In: a verb's arguments, some of which have an axis of points in front.  Out: what the verb returns,
with that axis in front of every array.

In reading order: `verbs` chooses the way, which is a loop over fresh calls for a few points,
machine code of a prepared function for many (`replay/at_points.py`), a compiled loop for a function
under ``@njit`` (`compiled/points.py`), and `one_pass`, f called on all points at once, for a
function of which the caller says that it broadcasts.  It uses `prepare`, and all below it.
"""
