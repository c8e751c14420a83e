"""Values of options that are not given."""


def get_default_field_value(_field=None, _value=None):
    return None
