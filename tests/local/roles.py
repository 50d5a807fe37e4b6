"""Make requests with a function's role, to test what the function may do."""

import json

import boto3

from local.system import LocalSystem


def session_of(system: LocalSystem, function: str) -> boto3.Session:
    """Return a session with the function's role. The local root assumes the role, which trusts it during this call."""
    aws = system.aws
    iam, sts, functions = (aws.session.client(name, endpoint_url=aws.endpoint_url) for name in ("iam", "sts", "lambda"))
    arn = functions.get_function_configuration(FunctionName=system.outputs[f"{function}Function"])["Role"]
    name = arn.rpartition("/")[2]
    trusted = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    root = {"Effect": "Allow", "Principal": {"AWS": arn.split(":")[4]}, "Action": "sts:AssumeRole"}
    policy = {**trusted, "Statement": [*trusted["Statement"], root]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(policy))
    try:
        taken = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trusted))
    return boto3.Session(
        taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"], region_name=aws.session.region_name
    )
