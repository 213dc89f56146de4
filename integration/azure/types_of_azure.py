"""The types of Azure's resources, as bicep-types-az has them."""

import json

REQUIRED, READ_ONLY = 1, 2


class Types:
    def __init__(self, folder, unknown):
        self.folder, self.unknown = folder, unknown

    def resource(self, name):
        """The types of a file, and in it the one of the resource."""
        kind, version = name.split("@")
        provider = kind.split("/")[0].lower()
        for file in self.folder.glob(f"*/{provider}/{version}/types.json"):
            types = json.loads(file.read_text())
            for entry in types:
                if entry["$type"] == "ResourceType" and entry["name"].lower() == name.lower():
                    if entry["name"] != name:
                        raise LookupError(f"it is written {entry['name']}")
                    return types, entry
        raise LookupError("no such type in this version")

    def check(self, name, body, existing):
        """What is wrong: pairs of a place and a text."""
        try:
            types, entry = self.resource(name)
        except LookupError as error:
            return [(None, str(error))]
        if existing:
            unknown = set(body) - {"name"}
            return [(None, f"an existing resource has {unknown}")] if unknown else []
        wrong = []
        self.compare(types, entry["body"], body, None, "", wrong)
        return wrong

    def reads(self, name, path):
        """What of a path, such as properties.endpoint, a resource does not have."""
        try:
            types, entry = self.resource(name)
        except LookupError:
            return None
        reference = entry["body"]
        for at, member in enumerate(path):
            entry = types[int(reference["$ref"].rsplit("/", 1)[1])]
            if entry["$type"] != "ObjectType":
                return None
            if member not in entry["properties"]:
                return None if "additionalProperties" in entry else ".".join(path[: at + 1])
            reference = entry["properties"][member]["type"]
        return None

    def compare(self, types, reference, value, where, path, wrong):
        if value is self.unknown:
            return
        entry = types[int(reference["$ref"].rsplit("/", 1)[1])]
        kind = entry["$type"]
        if kind == "ObjectType":
            self.compare_object(types, entry, value, where, path, wrong)
        elif kind == "DiscriminatedObjectType":
            self.compare_discriminated(types, entry, value, where, path, wrong)
        elif kind == "ArrayType":
            if not isinstance(value, list):
                wrong.append((where, f"{path}: it is a list"))
                return
            for at, (place, item) in enumerate(value):
                self.compare(types, entry["itemType"], item, place, f"{path}[{at}]", wrong)
        elif kind == "UnionType":
            self.compare_union(types, entry, value, where, path, wrong)
        elif kind == "StringLiteralType":
            if value != entry["value"]:
                wrong.append((where, f"{path}: it must be {entry['value']!r}"))
        elif kind in ("StringType", "IntegerType", "BooleanType"):
            wanted = {"StringType": str, "IntegerType": int, "BooleanType": bool}[kind]
            if type(value) is not wanted:
                wrong.append((where, f"{path}: {value!r} is not of {kind}"))
        elif kind != "AnyType":
            raise ValueError(f"{path}: what is a {kind}?")

    def compare_object(self, types, entry, value, where, path, wrong):
        if not isinstance(value, dict):
            wrong.append((where, f"{path}: it is an object"))
            return
        known = entry["properties"]
        for name, (place, member) in value.items():
            here = f"{path}.{name}" if isinstance(name, str) else f"{path}.*"
            if name in known:
                if known[name]["flags"] & READ_ONLY:
                    wrong.append((place, f"{here}: only Azure writes it"))
                self.compare(types, known[name]["type"], member, place, here, wrong)
            elif "additionalProperties" in entry:
                self.compare(types, entry["additionalProperties"], member, place, here, wrong)
            elif name is not self.unknown:
                wrong.append((place, f"{here}: there is no such member"))
        for name, member in known.items():
            if member["flags"] & REQUIRED and not member["flags"] & READ_ONLY and name not in value:
                wrong.append((where, f"{path}.{name} is missing"))

    def compare_discriminated(self, types, entry, value, where, path, wrong):
        tag = value.get(entry["discriminator"]) if isinstance(value, dict) else None
        if tag is None or tag[1] is self.unknown:
            return
        found = entry["elements"].get(tag[1])
        if found is None:
            wrong.append((where, f"{path}: there is no {tag[1]!r}"))
            return
        element = types[int(found["$ref"].rsplit("/", 1)[1])]
        both = dict(element, properties={**entry["baseProperties"], **element["properties"]})
        self.compare_object(types, both, value, where, path, wrong)

    def compare_union(self, types, entry, value, where, path, wrong):
        elements = [types[int(it["$ref"].rsplit("/", 1)[1])] for it in entry["elements"]]
        words = [it["value"] for it in elements if it["$type"] == "StringLiteralType"]
        if words and isinstance(value, str):
            # Many allow any text besides, for what a newer service may know: here it would be a mistake.
            if value not in words:
                wrong.append((where, f"{path}: {value!r} is not one of {', '.join(words)}"))
            return
        attempts = []
        for element in entry["elements"]:
            attempt = []
            self.compare(types, element, value, where, path, attempt)
            if not attempt:
                return
            attempts.append(attempt)
        said = " or ".join(text for _, text in (attempt[0] for attempt in attempts))
        wrong.append((where, said))
