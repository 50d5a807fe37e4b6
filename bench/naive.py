"""A simple implementation for comparison.

For each snapshot, it makes separate calls for the secret, the token, the item and the tags. It parses each notebook.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import requests
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

REFERER = "https://naive.invalid/"
_HEADERS = {"Referer": REFERER}


@dataclass(frozen=True, slots=True)
class Naive:
    """The simple implementation, with the deployment and bucket that it uses. `ca` is the path of a PEM file."""

    portal_url: str
    notebook_admin_url: str
    secret_prefix: str
    bucket: str
    ca: str

    def get_token(self, owner: str) -> str:
        """Read the owner's secret, sign in and return the token."""
        text = _secrets().get_secret_value(SecretId=f"{self.secret_prefix}/owners/{owner}")["SecretString"]
        form = {**json.loads(text), "client": "referer", "referer": REFERER, "f": "json"}
        return str(self._post(f"{self.portal_url}/sharing/rest/generateToken", form)["token"])

    def copy_snapshot(self, item_id: str, key: str, token: str) -> None:
        """Copy a snapshot: download it, parse it, serialize it again and upload it."""
        form = {"itemId": item_id, "resourceKey": key, "token": token, "f": "json"}
        notebook = self._post(f"{self.notebook_admin_url}/notebooks/snapshots/download", form)
        _s3().put_object(Bucket=self.bucket, Key=f"{item_id}/{key}", Body=json.dumps(notebook))

    def copy_everything(self, owner: str, item_id: str, key: str) -> None:
        """Copy a snapshot with all related calls: secret, token, item properties, HEAD, PUT, tags."""
        token = self.get_token(owner)
        url = f"{self.portal_url}/sharing/rest/content/items/{item_id}"
        item = requests.get(
            url, params={"f": "json", "token": token}, headers=_HEADERS, verify=self.ca, timeout=60
        ).json()
        object_key = f"{item_id}/{key}"
        try:
            _s3().head_object(Bucket=self.bucket, Key=object_key)
        except ClientError:
            self.copy_snapshot(item_id, key, token)
            tags = [{"Key": "owner", "Value": item["owner"]}, {"Key": "kind", "Value": "snapshot"}]
            _s3().put_object_tagging(Bucket=self.bucket, Key=object_key, Tagging={"TagSet": tags})  # type: ignore[typeddict-item]

    def _post(self, url: str, form: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
        return requests.post(url, data=form, headers=_HEADERS, verify=self.ca, timeout=60).json()


@cache
def _s3() -> "S3Client":
    return boto3.client("s3")


@cache
def _secrets() -> "SecretsManagerClient":
    return boto3.client("secretsmanager")
