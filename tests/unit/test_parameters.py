"""Test that parameters of the local stack are checked against the template before anything starts."""

import pytest

from local.parameters import ParametersWrong, parameters_from


def test_valid_parameters_are_returned_unchanged() -> None:
    words = ["Capture=true", "BatchSize=10", "Schedule=cron(0 2 * * ? *)", "SubnetIds=subnet-0a,subnet-0b"]
    assert parameters_from(words) == dict(word.split("=", 1) for word in words)
    assert parameters_from([]) == {}


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("Capture", "does not have the form Name=value"),
        ("capture=true", "no parameter 'capture'. Names are case-sensitive"),
        ("Capture=yes", "Capture cannot be 'yes': it must be one of true, false"),
        ("BatchSize=4", "BatchSize cannot be '4': it must be a whole number from 5 to 500"),
        ("BatchSize=many", "a whole number from 5 to 500"),
        ("Schedule=daily", "Schedule cannot be 'daily': it must be cron(...)"),
        ("SubnetIds=subnet-0a,x", "must be empty, or subnet ids"),
        ("PortalUrl=https://gis.example.com/portal", "because the local system sets it"),
    ],
)
def test_error_says_why_a_parameter_is_invalid(word: str, words: str) -> None:
    with pytest.raises(ParametersWrong) as raised:
        parameters_from([word])
    assert words in str(raised.value)
