"""Deploy the stack with the settings of a stage (`make deploy`), and make a release (`make release`)."""


class DeliveryError(Exception):
    """A deployment or a release cannot go on. The message says why, and what to do next."""
