"""What is around f in every differentiation: comes in the user's call, go out a checked request and
f called on Duals, with what it returns as a Dual or a plain array.

`names.py` and `options.py` say what of a call is wrong; `inputs.py` (integers become float64,
float32 stays), `seeds.py`, `calling.py` and `outputs.py` follow one argument through f;
`request.py` is checked arguments, `signatures.py` and `protocols.py` tell type checkers what
comes back.
`advice.py` says what to do about an error that a derivative is behind, `frames.py` where that was,
`recipes.py` what to write there; `structures/` has dicts, dataclasses and ragged lists as x and as
what f returns.  `refusals.py` and `watch.py` report what f caught and where conventions decide;
`remembered.py` looks into an f that may have returned what it kept;
`ownership.py` says whose memory is whose.  The room may use `unchanged` and all below.
"""
