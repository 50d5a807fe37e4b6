"""What every test finds: Powertools' names, nobody's AWS account, and no CA bundle of this machine."""

import os

# Powertools reads these when its objects are made, which is when a function's module is imported.
os.environ["POWERTOOLS_SERVICE_NAME"] = "notebook-archive"
os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "NotebookArchive"
os.environ["POWERTOOLS_LOG_LEVEL"] = "DEBUG"

os.environ["AWS_ACCESS_KEY_ID"] = "testing"
os.environ["AWS_SECRET_ACCESS_KEY"] = "testing"
os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"
for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
    os.environ.pop(name, None)
