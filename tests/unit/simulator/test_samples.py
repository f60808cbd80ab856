"""The stored samples are what the simulator writes."""

from pathlib import Path

from simulator.samples import samples, write_samples

STORED = Path(__file__).parents[2] / "data" / "webhooks"


def test_stored_samples_are_current() -> None:
    """`hookline simulate cases --write tests/data/webhooks` brings them up to date."""
    stored = {str(path.relative_to(STORED)): path.read_bytes() for path in STORED.rglob("*.json")}
    assert stored == dict(samples())


def test_samples_are_written_by_field(tmp_path: Path) -> None:
    """Each case is a file in its field's folder."""
    count = write_samples(tmp_path)
    assert len(list(tmp_path.rglob("*.json"))) == count > 60
    assert (tmp_path / "comments" / "organic_then_ad_2.json").exists()
