"""Small functions to hand to others."""


def identity(value, **_):
    return value


def no_op(*_, **__):
    return None


def return_true(*_, **__):
    return True


def return_false(*_, **__):
    return False


def predicate(condition):
    """A function that returns what the condition says now."""
    return return_true if condition else return_false
