from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.errors import InputError
from edge_nt.ood.combined_scorer import CombinedOodScorer, OodScore
from edge_nt.ood.watch import STATES, OodState, OodWatch, WatchSettings
from tests.ood.conftest import Fitted

OK, CAUTION, OUT = STATES
SETTINGS = WatchSettings()


@pytest.fixture(scope="module")
def usual(fitted: Fitted) -> OodScore:
    """The score of a real frame, whose number the tests replace."""
    latents = fitted.codec.encode(fitted.validation[:1])
    return CombinedOodScorer(fitted.model)(fitted.validation[0], latents[0], fitted.codec.decode(latents)[0])


class Played:
    """Plays scores given as multiples of the threshold."""

    def __init__(self, fitted: Fitted, usual: OodScore) -> None:
        self.model, self.usual, self.watch = fitted.model, usual, OodWatch(fitted.model)

    def __call__(self, multiples: list[float], start_s: float = 0.0, frames_per_s: float = 30.0) -> list[OodState]:
        scores = (each * self.model.threshold for each in multiples)
        return [self.watch.update(start_s + k / frames_per_s, self.score(each)) for k, each in enumerate(scores)]

    def score(self, score: float) -> OodScore:
        return replace(self.usual, score=score, p_value=self.model.held_in.p_value(score))


@pytest.fixture
def play(fitted: Fitted, usual: OodScore) -> Played:
    return Played(fitted, usual)


def _states(said: list[OodState]) -> list[str]:
    return [each.state for each in said]


@pytest.mark.parametrize("frames_per_s", [60.0, 30.0, 10.0, 5.0])
def test_a_lost_probe_is_out_within_a_second_and_back_within_the_stated_time(play: Played, frames_per_s: float) -> None:
    count = round(2 * frames_per_s)
    said = play([0.5] * count + [5.0] * count + [0.5] * count, frames_per_s=frames_per_s)
    out, back = _states(said).index(OUT), _states(said)[2 * count :].index(OK)
    assert (out - count + 1) / frames_per_s <= 1.0
    assert back / frames_per_s <= SETTINGS.window_s / 2 + SETTINGS.recover_s + 2 / frames_per_s
    assert _states(said)[:out] == [OK] * out  # one step, without caution in between
    assert said[out].since_s == out / frames_per_s == said[2 * count - 1].since_s
    assert said[out].reason
    assert not said[-1].reason


def test_a_frame_that_flashes_up_changes_nothing(play: Played) -> None:
    said = play([0.5] * 30 + [9.0] * 4 + [0.5] * 30)
    assert set(_states(said)) == {OK}
    assert said[31].score == pytest.approx(9 * play.model.threshold)
    assert said[31].p_value == 1 / (play.model.held_in.patient_count + 1)
    assert said[31].smoothed_p_value == play.model.held_in.p_value(said[31].smoothed_score or 0.0) > 0.1


@pytest.mark.parametrize("edge", [1.0, SETTINGS.out_above])
def test_scores_around_an_edge_do_not_toggle(play: Played, edge: float) -> None:
    generator = np.random.default_rng(0)
    multiples = (edge + 0.1 * generator.standard_normal(3000)).tolist()
    states = _states(play(multiples))
    crossed = sum((one > edge) != (other > edge) for one, other in itertools.pairwise(multiples))
    assert sum(one != other for one, other in itertools.pairwise(states)) <= 1
    assert crossed > 1000


def test_between_an_edge_and_its_release_a_state_stays_as_it_was(play: Played) -> None:
    middle = (1 + SETTINGS.release) / 2
    assert set(_states(play([middle] * 60))) == {OK}
    assert set(_states(play([1.2] * 60 + [middle] * 60, start_s=100))) == {CAUTION}


def test_out_goes_down_to_caution_where_the_scan_stays_unusual(play: Played) -> None:
    assert _states(play([3.0] * 60 + [1.2] * 90))[-1] == CAUTION


@pytest.mark.parametrize("pause_s", [SETTINGS.gap_s + 0.1, -1.0])
def test_after_a_gap_or_a_step_of_the_clock_the_window_starts_anew(play: Played, pause_s: float) -> None:
    last = play([5.0] * 60)[-1]
    assert last.state == OUT
    first = play([0.5], start_s=59 / 30 + pause_s)[0]
    assert (first.state, first.smoothed_score) == (OK, first.score)
    assert first.since_s == 59 / 30 + pause_s


def test_a_short_stall_keeps_what_was_seen(play: Played) -> None:
    play([5.0] * 60)
    assert play([0.5], start_s=59 / 30 + SETTINGS.gap_s)[0].state == OUT


@given(st.lists(st.tuples(st.floats(0.001, 5), st.floats(0, 4)), min_size=1, max_size=60))
def test_any_frame_rate_gives_a_state_that_follows_from_the_frames_alone(
    fitted: Fitted, usual: OodScore, frames: list[tuple[float, float]]
) -> None:
    """Irregular, slow and stalling sources: the same twice, and no state better than its window."""
    twice = []
    for _ in range(2):
        play, at_s, said = Played(fitted, usual), 0.0, []
        for pause_s, multiple in frames:
            at_s += pause_s
            said += play([multiple], start_s=at_s)
        twice.append(said)
    assert twice[0] == twice[1]
    for said, (_, multiple) in zip(twice[0], frames, strict=True):
        smoothed = (said.smoothed_score or 0.0) / fitted.model.threshold
        assert said.state == OUT or smoothed <= SETTINGS.out_above
        assert said.state != OK or smoothed <= 1
        assert said.score == pytest.approx(multiple * fitted.model.threshold)
        assert bool(said.reason) == (said.state != OK)


def test_failed_frames_leave_the_state_until_nothing_is_known(play: Played) -> None:
    assert play.watch.without_score(0.0).reason == "no frame scored yet"
    assert play([0.5] * 30, start_s=1.0)[-1].state == OK
    end_s = 1 + 29 / 30
    soon, late = (play.watch.without_score(end_s + pause_s) for pause_s in (1.0, 10.0))
    assert (soon.state, soon.score) == (OK, None)
    assert (late.state, late.reason, late.since_s) == (CAUTION, "no frame scored for 10 s", end_s + 10)
    assert play.watch.without_score(end_s + 20).since_s == end_s + 10
    assert play([0.5], start_s=end_s + 21)[0].state == OK


def test_frames_that_fail_after_the_clock_was_set_back_are_not_ok_until_it_has_caught_up(play: Played) -> None:
    assert play([0.5] * 30, start_s=7200.0)[-1].state == OK
    said = play.watch.without_score(3600.0)
    assert (said.state, said.reason) == (CAUTION, "no frame scored since the clock was set back")
    assert play([0.5], start_s=3600.1)[0].state == OK


def test_a_stalled_source_that_was_out_stays_out(play: Played) -> None:
    play([5.0] * 60)
    assert play.watch.without_score(100.0).state == OUT


def test_another_source_begins_with_nothing(play: Played) -> None:
    play([5.0] * 60)
    play.watch.restart()
    assert play([0.5], start_s=2.0)[0].state == OK


def test_frames_of_one_time_are_bounded_and_smoothed(play: Played) -> None:
    said = [play.watch.update(7.0, play.score(0.5 * play.model.threshold)) for _ in range(2000)]
    assert {each.state for each in said} == {OK}


@pytest.mark.parametrize("at_s", [math.nan, math.inf])
def test_times_that_are_none_are_refused(play: Played, at_s: float) -> None:
    with pytest.raises(InputError, match="finite time"):
        play.watch.update(at_s, play.usual)
    with pytest.raises(InputError, match="finite time"):
        play.watch.without_score(at_s)


@pytest.mark.parametrize(
    "wrong", [{"window_s": 0.0}, {"recover_s": math.inf}, {"gap_s": -1.0}, {"out_above": 1.0}, {"release": 1.1}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="OOD watch"):
        WatchSettings(**wrong)


def test_a_phantom_that_fades_to_black_is_seen_though_its_latent_looks_typical(fitted: Fitted) -> None:
    """Through a real encoder, decoder and scorer, at 30 frames a second."""
    scorer, watch, frame = CombinedOodScorer(fitted.model), OodWatch(fitted.model), fitted.validation[0]
    light = [1.0] * 30 + [1 - k / 10 for k in range(1, 10)] + [0.0] * 30
    said = []
    for k, share in enumerate(light):
        faded = np.rint(frame * share).astype(np.uint8)
        latents = fitted.codec.encode(faded[None])
        said.append(watch.update(k / 30, scorer(faded, latents[0], fitted.codec.decode(latents)[0])))
    assert said[29].state != OUT
    assert _states(said).index(OUT) < 60
    assert scorer(faded, latents[0], fitted.codec.decode(latents)[0]).latent_distance < fitted.model.latent.threshold
