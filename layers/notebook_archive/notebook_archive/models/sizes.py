"""Format sizes for people."""


def format_size(number: int) -> str:
    """Return a number of bytes with its unit: `1 byte`, `340 bytes`, `12 kB`, `1.4 MB`."""
    if number < 1000:
        return f"{number} byte{'' if number == 1 else 's'}"
    if number < 999_500:
        return f"{number / 1000:.0f} kB"
    return f"{number / 1_000_000:,.1f} MB" if number < 999_950_000 else f"{number / 1_000_000_000:,.1f} GB"
