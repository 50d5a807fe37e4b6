"""Choose the S3 servers for a test of the archive. Without one of these marks, it runs with moto and SeaweedFS."""

import pytest

# For tests that set times or damage bytes, which only moto's memory allows, or that use keys with which SeaweedFS
# differs from the real S3. docs/local.md lists the differences.
only_moto = pytest.mark.parametrize("s3", ["moto"], indirect=True)

# For tests that write hundreds of objects, which takes seconds with SeaweedFS.
soak_seaweedfs = pytest.mark.parametrize(
    "s3", ["moto", pytest.param("seaweedfs", marks=[pytest.mark.servers, pytest.mark.soak])], indirect=True
)
