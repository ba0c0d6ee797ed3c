"""What GET /metrics says, parsed."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

Scrape = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape_of(text: str) -> Scrape:
    """Each sample's value by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(address: str) -> Scrape:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as response:
        assert response.headers["content-type"].startswith("text/plain")
        return scrape_of(response.read().decode())


def value(scraped: Scrape, name: str, /, **labels: object) -> float:
    """A sample's value; 0 for one that is not there yet."""
    return scraped.get((name, frozenset((key, str(each)) for key, each in labels.items())), 0.0)
