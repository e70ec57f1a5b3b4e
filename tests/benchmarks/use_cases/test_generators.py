"""What holds for every generator: the same samples on every machine and in every process, and quickly."""

from __future__ import annotations

import time

import pytest
from coding_grading import built, digest, digest_elsewhere

from tripos.benchmarks.benchmark import benchmarks

SAMPLES = {
    "browser_assistant": "66d25c97e221f3a3a1a511778499c3a4e037ae0cd6c87ec5df16cc17dc500bca",
    "coding_assistant": "4888c1c37645202056599c5d505c8ec69bdc9668f5e103d03f6948233e00746d",
    "coding_task": "4fe709645c8689abefb1c35bb900e171a0866ba0815a10b56313b72aedb3626c",
    "daily_digest": "3130f692a780cf566fcb3938d0583dc3276c10328fb351051d4598fcb1bc7b2d",
    "doc_qa": "ea39f74f9ca81229e8b452c719de3882bc293be91d769315cd649d26574faa22",
    "email_triage": "4d3e45037e941b93d7caecbaf6df2302c0915d8354fb66256d092eedc898b8ac",
    "knowledge_base": "253bfaf3683c874061e806259bcf5b53f6b820e4d8be5c549015432fc56daa1b",
    "morning_brief": "4dffe17c5812e5b6f68022a44165ba38dbc1571a162eca8a59852462c64266a7",
    "research_mining": "158293291d3d8c717b04ad53e788bd301774da8549ad07579caf5b22a8bc2de0",
    "security_scanner": "554eac905bed41e87decfb91833856f764865caa5f677574371561ad838bbc63",
}
"""SHA-256 of the first samples of the default seed."""
COUNT = 42


def test_every_generator_is_looked_at() -> None:
    assert {key for key, entry in benchmarks.items() if entry.category == "use-case"} == set(SAMPLES)


@pytest.mark.parametrize("key", SAMPLES)
def test_the_samples_of_this_version_of_the_generator_stay_what_they_are(key: str) -> None:
    """When this fails on purpose, raise VERSION in the benchmark's file: results over other samples must not be mixed."""
    assert digest(key, 42, COUNT) == SAMPLES[key]


@pytest.mark.parametrize("key", SAMPLES)
def test_the_same_bytes_in_every_process(key: str) -> None:
    assert digest_elsewhere(key, 9, COUNT, "0") == digest_elsewhere(key, 9, COUNT, "4242") == digest(key, 9, COUNT)


@pytest.mark.parametrize("key", SAMPLES)
def test_thirty_take_less_than_a_second(key: str) -> None:
    _, source = built(key, seed=777)
    started = time.process_time()
    for index in range(30):
        source.sample(index)
    assert time.process_time() - started < 1.0
