import pytest

from edge_nt.service.pulse import Pulse


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_live_source_that_falls_silent_is_stalled_and_recovers(clock: Clock) -> None:
    pulse = Pulse(live=True, stalled_after_s=5, clock=clock)
    pulse.start()
    clock.now_s = 4
    assert pulse.stalled(under_way=0) is None
    clock.now_s = 7
    assert pulse.stalled(under_way=0) == "no frame for 7 s"
    assert not pulse.stuck(under_way=0, longer_than_s=1)
    pulse.frame(done=True)
    assert pulse.stalled(under_way=0) is None


def test_frames_that_all_fail_are_not_readiness_and_no_reason_to_be_killed(clock: Clock) -> None:
    pulse = Pulse(live=True, stalled_after_s=5, clock=clock)
    pulse.start()
    for second in range(1, 9):
        clock.now_s = second
        pulse.frame(done=False)
    assert pulse.stalled(under_way=1) == "no frame for 8 s: all of them fail"
    assert not pulse.stuck(under_way=1, longer_than_s=5)


def test_the_first_file_after_hours_of_quiet_has_not_been_under_way_for_hours(clock: Clock) -> None:
    pulse = Pulse(live=False, stalled_after_s=5, clock=clock)
    pulse.start()
    pulse.frame(done=True)
    clock.now_s = 7200
    assert pulse.stalled(under_way=0) is None
    clock.now_s += 0.25
    assert pulse.stalled(under_way=1) is None
    assert not pulse.stuck(under_way=1, longer_than_s=15)
    clock.now_s += 16
    assert pulse.stalled(under_way=1) == "1 frames under way for 16 s"
    assert pulse.stuck(under_way=1, longer_than_s=15)


def test_a_quiet_folder_is_ready_but_not_with_frames_that_never_come_back(clock: Clock) -> None:
    pulse = Pulse(live=False, stalled_after_s=5, clock=clock)
    pulse.start()
    clock.now_s = 1e6
    assert pulse.stalled(under_way=0) is None
    assert not pulse.stuck(under_way=0, longer_than_s=15)
    pulse.frame(done=True)
    clock.now_s += 16
    assert pulse.stalled(under_way=2) == "2 frames under way for 16 s"
    assert pulse.stuck(under_way=2, longer_than_s=15)


def test_one_frame_that_is_read_for_long_is_a_hang_though_none_is_under_way(clock: Clock) -> None:
    began_s: float | None = None
    pulse = Pulse(
        live=False,
        stalled_after_s=5,
        clock=clock,
        reading_s=lambda: 0.0 if began_s is None else clock.now_s - began_s,
    )
    pulse.start()
    clock.now_s = 1000
    assert pulse.stalled(under_way=0) is None
    began_s = 1000
    clock.now_s = 1006
    assert pulse.stalled(under_way=0) == "a file being read for 6 s"
    assert not pulse.stuck(under_way=0, longer_than_s=15)
    clock.now_s = 1016
    assert pulse.stuck(under_way=0, longer_than_s=15)
    began_s = None
    assert pulse.stalled(under_way=0) is None
    assert not pulse.stuck(under_way=0, longer_than_s=15)
