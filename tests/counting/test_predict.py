"""Predicted times: closed forms on small graphs, and what must grow with what.  No clock."""

import math

import numpy as np
import pytest

from dualmc.calls.request import Request
from dualmc.counting import predict
from dualmc.passes.reverse_pass import ROWS_BUDGET, Tape


def recorded(f, x):
    return Tape(Request("test", f, (x,), 0, None, False, "numerator", False))


def counts(units):
    """The units that are there at all."""
    return {name: count for name, count in units.items() if count}


def chain(x):
    return np.sin(np.exp(x))


def matrix_product(m):
    return lambda x: np.ones((m, x.size)) @ x


class TestCost:
    def test_is_the_sum_over_the_units(self):
        units = {"forward call": 2, "number": 10}
        expected = 2 * predict.SECONDS["forward call"] + 10 * predict.SECONDS["number"]
        assert predict.cost(units) == pytest.approx(expected, rel=1e-15)

    def test_every_unit_costs_something(self):
        assert all(seconds > 0 for seconds in predict.SECONDS.values())

    def test_an_unknown_unit_is_an_error(self):
        with pytest.raises(KeyError):
            predict.cost({"numbers": 1})


class TestForward:
    def test_a_chain_of_functions_scales_a_lazy_factor(self):
        tape = recorded(chain, np.ones(20))
        assert counts(predict.forward_units(tape.order, 20, 20)) == {
            "forward call": 1,
            "element-wise step": 2,
            "value": 40,
            "function value": 40,
            "number": 40,
            "transposed number": 400,
            "entry": 400,
        }

    def test_chunks_repeat_the_calls_and_not_the_entries(self):
        tape = recorded(chain, np.ones(20))
        assert counts(predict.forward_units(tape.order, 20, 8)) == {
            "forward call": 3,
            "element-wise step": 6,
            "value": 120,
            "function value": 120,
            "number": 120,
            "transposed number": 400,
            "entry": 400,
        }

    def test_a_matrix_product_is_done_for_every_column(self):
        tape = recorded(matrix_product(3), np.ones(20))
        assert counts(predict.forward_units(tape.order, 20, 20)) == {
            "forward call": 1,
            "forward step": 1,
            "value": 3,
            "number": 20 * (3 + 20),
            "product": 20 * 60,
            "vector product": 60,
            "transposed number": 60,
            "entry": 60,
        }

    def test_operands_that_meet_are_a_merging_step(self):
        tape = recorded(lambda x: x * np.sin(x), np.ones(5))
        units = predict.forward_units(tape.order, 5, 5)
        assert units["merging step"] == 1
        assert units["number"] == 5 + 5 * (5 + 5 + 5)


class TestReverse:
    def test_a_chain_of_functions(self):
        tape = recorded(chain, np.ones(20))
        units = counts(predict.reverse_units(tape.order, 20, 20))
        kept = units.pop("value") - 40
        assert kept >= 40  # x or exp(x), and what else the two steps keep
        assert units == {
            "reverse call": 1,
            "recorded step": 2,
            "step of rows": 2,
            "function value": 40,
            "number": 20 * (20 + 40),  # the unit cotangents, then two steps
            "entry": 400,
        }

    def test_sweeps_repeat_the_steps_and_not_the_numbers(self):
        tape = recorded(chain, np.ones(20))
        whole = predict.reverse_units(tape.order, 20, 20)
        parts = predict.reverse_units(tape.order, 20, 8)
        assert parts["step of rows"] == 3 * whole["step of rows"]
        assert parts["number"] == whole["number"]
        assert parts["recorded step"] == whole["recorded step"]

    def test_one_row_is_multiplied_as_a_vector(self):
        tape = recorded(matrix_product(3), np.ones(20))
        one = predict.reverse_units(tape.order, 3, 1)
        many = predict.reverse_units(tape.order, 3, 3)
        assert (one["product"], one["vector product"]) == (0, 60 + 3 * 60)
        assert (many["product"], many["vector product"]) == (3 * 60, 60)

    def test_rows_per_sweep_are_those_of_the_tape(self):
        for f in (chain, matrix_product(3), np.sum):
            tape = recorded(f, np.ones(1000))
            assert predict.rows_per_sweep(tape.order) == tape.rows_per_sweep()

    def test_a_large_array_is_swept_one_row_at_a_time(self):
        class Large:
            shape = (ROWS_BUDGET,)
            dtype = np.dtype(float)

        assert predict.rows_per_sweep([Large()]) == 1


class TestStructured:
    def test_a_chain_of_functions_keeps_one_slot_per_element(self):
        tape = recorded(chain, np.ones(20))
        assert counts(predict.structured_units(tape.order, tape.inputs)) == {
            "forward call": 1,
            "element-wise step": 2,
            "value": 40,
            "function value": 40,
            "slot": 40,
            "entry": 400,
        }

    def test_few_inputs_start_dense(self):
        tape = recorded(chain, np.ones(4))
        units = predict.structured_units(tape.order, tape.inputs)
        assert units["slot"] == 0
        assert counts(units) == counts(predict.forward_units(tape.order, 4, 4))

    def test_neighbours_are_merged(self):
        tape = recorded(lambda x: x[1:] + x[:-1], np.ones(101))
        units = predict.structured_units(tape.order, tape.inputs)
        assert units["merged slot"] == 2 * 100 + 100 + 100
        assert units["forward step"] == 2
        assert units["merging step"] == 1

    def test_a_matrix_product_fills_a_block(self):
        tape = recorded(matrix_product(3), np.ones(50))
        assert counts(predict.structured_units(tape.order, tape.inputs)) == {
            "forward call": 1,
            "forward step": 1,
            "value": 3,
            "vector product": 150,
            "number": 150,
            "slot": 150,
            "transposed number": 150 + 150,
            "entry": 150,
        }

    def test_a_block_beyond_the_memory_budget_takes_more_passes(self, monkeypatch):
        tape = recorded(matrix_product(3), np.ones(50))
        monkeypatch.setattr(predict, "MEMORY_BUDGET", 8 * 50 * 3)
        assert predict.structured_units(tape.order, tape.inputs)["forward call"] == 1
        monkeypatch.setattr(predict, "MEMORY_BUDGET", 8 * 50 * 3 - 1)
        units = predict.structured_units(tape.order, tape.inputs)
        assert (units["forward call"], units["forward step"], units["number"]) == (2, 2, 150)

    def test_is_none_where_patterns_are_too_large(self, monkeypatch):
        tape = recorded(chain, np.ones(50))
        monkeypatch.setattr("dualmc.counting.costs.PATTERN_BUDGET", 10)
        assert predict.structured(tape.order, tape.inputs) is None
        assert predict.seconds(tape.order, tape.inputs)["forward"] == predict.forward(
            tape.order, 50, 50
        )


class TestSeconds:
    @pytest.mark.parametrize("f", [chain, np.cumsum, lambda x: x * np.roll(x, 1)])
    def test_grow_with_the_size(self, f):
        found = []
        for n in (20, 200, 2000):
            tape = recorded(f, np.linspace(0.1, 1.0, n))
            found.append(predict.seconds(tape.order, tape.inputs))
        for mode in ("forward", "reverse"):
            times = [seconds[mode] for seconds in found]
            assert times == sorted(times)
            assert all(math.isfinite(t) and t > 0 for t in times)

    def test_grow_with_the_number_of_steps(self):
        def longer(steps):
            def f(x):
                for _ in range(steps):
                    x = np.sin(x)
                return x

            tape = recorded(f, np.ones(30))
            return predict.seconds(tape.order, tape.inputs)

        short, long = longer(3), longer(6)
        assert long["forward"] > short["forward"]
        assert long["reverse"] > short["reverse"]

    def test_smaller_chunks_never_cost_less(self):
        tape = recorded(lambda x: np.tanh(np.ones((40, 40)) @ x), np.ones(40))
        forward = [predict.forward(tape.order, 40, chunk) for chunk in (40, 16, 4)]
        reverse = [predict.reverse(tape.order, 40, chunk) for chunk in (40, 16, 4)]
        assert forward == sorted(forward)
        assert reverse == sorted(reverse)

    def test_chunk_is_what_reverse_mode_is_asked_to_do(self):
        tape = recorded(chain, np.ones(40))
        asked = predict.seconds(tape.order, tape.inputs, chunk=4)
        assert asked["reverse"] == predict.reverse(tape.order, 40, 4)
        assert asked["forward"] == predict.structured(tape.order, tape.inputs)

    def test_by_default_rows_are_swept_together(self):
        tape = recorded(chain, np.ones(40))
        found = predict.seconds(tape.order, tape.inputs)
        assert found["reverse"] == predict.reverse(tape.order, 40, 40)


def winner(tape):
    """The mode of fewer seconds, which `compare` predicts to win."""
    times = predict.seconds(tape.order, tape.inputs)
    return min(times, key=times.get)


class TestWinner:
    def test_reverse_for_one_output_of_many_inputs(self):
        W = np.ones((64, 4096))
        tape = recorded(lambda x: np.sum(np.tanh(W @ x)), np.ones(4096))
        assert winner(tape) == "reverse"

    def test_forward_for_many_outputs_of_one_input(self):
        tape = recorded(lambda x: np.sin(np.arange(4096.0) * x), np.ones(1))
        assert winner(tape) == "forward"

    def test_forward_for_a_square_sparse_jacobian(self):
        tape = recorded(lambda x: x * np.roll(x, 1), np.ones(2000))
        assert winner(tape) == "forward"
