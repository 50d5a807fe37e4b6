"""What a function may do, tried out with its own role."""

import json

import boto3

from local.system import LocalSystem


def session_of(system: LocalSystem, function: str) -> boto3.Session:
    """A session of the function's role, taken on by the local root, whom the role is made to trust for it."""
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
