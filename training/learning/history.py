"""The figures of every epoch of a run: plain values, as history.json and an exported file hold them."""

# Names of the validation split's figures in files from before they were renamed.
OLD_KEYS = {
    "public_loss": "validation_loss",
    "public_accuracy": "validation_accuracy",
    "public_votes_loss": "validation_votes_loss",
    "public_votes_agreement": "validation_votes_agreement",
}


def rename_old_keys(history: list[dict]) -> list[dict]:
    """A history with today's names, from one of any age."""
    return [{OLD_KEYS.get(key, key): value for key, value in epoch.items()} for epoch in history]
