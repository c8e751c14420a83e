"""What the names of Amazon's hosts tell."""


def rds_parse_tags_from_endpoint(endpoint):
    """Tags of a database at `<name>.<[cluster-]id>.<region>.rds.amazonaws.com`; none for other names."""
    name = (endpoint or "").strip()
    parts = name.split(".", 3)
    if len(parts) != 4 or parts[3] != "rds.amazonaws.com":
        return []
    identifier, cluster, region, _ = parts
    if cluster.startswith("cluster-"):
        return [f"dbclusteridentifier:{identifier}", f"region:{region}"]
    return [f"dbinstanceidentifier:{identifier}", f"hostname:{name}", f"region:{region}"]
