"""Checks Bicep files where there is no Bicep compiler: their grammar, names, modules, and each resource against the
types that the compiler itself would use (https://github.com/Azure/bicep-types-az).

usage: check.py FOLDER-OF-TYPES FILE...     ; FOLDER-OF-TYPES: `generated` of a checkout
"""

import pathlib
import re
import sys

import tree_sitter_bicep
from tree_sitter import Language, Parser

from types_of_azure import Types

PARSER = Parser(Language(tree_sitter_bicep.language()))
# The functions and namespaces that these files may use.
KNOWN = {
    *"any array concat contains deployment empty environment first format guid int join json last length".split(),
    *"listKeys loadTextContent range replace resourceGroup resourceId split string subscription".split(),
    *"subscriptionResourceId substring tenant toLower toUpper union uniqueString az sys".split(),
}
UNKNOWN = object()
"""The value of an expression, which only a deployment knows."""


def text(node):
    return node.text.decode()


def children(node, kind):
    return [it for it in node.named_children if it.type == kind]


class File:
    def __init__(self, path):
        self.path = path
        self.root = PARSER.parse(path.read_bytes()).root_node
        self.wrong = []
        self.params, self.required, self.outputs, self.names = set(), set(), set(), set()
        for node in self.declarations():
            name = text(children(node, "identifier")[0])
            if node.type == "output_declaration":
                self.outputs.add(name)
                continue
            self.names.add(name)
            if node.type == "parameter_declaration":
                self.params.add(name)
                if not any(it.type == "=" for it in node.children):
                    self.required.add(name)

    def declarations(self):
        kinds = "parameter variable resource module output type".split()
        wanted = {f"{kind}_declaration" for kind in kinds}
        return [it for it in self.root.named_children if it.type in wanted]

    def say(self, node, what):
        self.wrong.append(f"{self.path}:{node.start_point[0] + 1}: {what}")

    def value(self, node):
        """What a literal says; its places are kept for messages."""
        if node.type == "object":
            members = {}
            for member in children(node, "object_property"):
                key, value = member.named_children[0], member.named_children[-1]
                name = text(key).strip("'")
                if name in members:
                    self.say(member, f"{name} is there twice")
                computed = key.type == "string" and any(it.type == "interpolation" for it in key.children)
                members[UNKNOWN if computed else name] = (member, self.value(value))
            return members
        if node.type == "array":
            return [(it, self.value(it)) for it in node.named_children if it.type != "comment"]
        if node.type == "string":
            parts = node.named_children
            if all(it.type == "string_content" for it in parts):
                return "".join(text(it) for it in parts)
            return UNKNOWN
        if node.type == "number":
            return int(text(node))
        if node.type == "boolean":
            return text(node) == "true"
        return UNKNOWN

    def body(self, declaration):
        """The object of a resource or module, behind `if` and `for`."""
        found = []

        def search(node):
            if node.type == "object":
                found.append(node)
                return
            for child in node.named_children:
                if child.type not in ("string", "decorators"):
                    search(child)

        search(declaration)
        return found[-1] if declaration.type == "module_declaration" else found[0]

    def check_grammar(self, node=None):
        node = node or self.root
        if node.type == "ERROR" or node.is_missing:
            self.say(node, f"can't be read: {text(node)[:40]!r}")
        for child in node.children:
            self.check_grammar(child)

    def check_names(self, node=None, scope=frozenset()):
        """Whatever an expression names is declared."""
        node = node or self.root
        if node.type == "for_statement":
            initial = node.child_by_field_name("initializer")
            scope = scope | {text(initial)}
        for at, child in enumerate(node.named_children):
            is_key = node.type == "object_property" and at == 0
            is_declared = node.type.endswith("_declaration") and at == 0
            is_type = node.type in ("parameter_declaration", "output_declaration") and at == 1
            if child.type == "identifier" and not (is_key or is_declared or is_type):
                if text(child) not in self.names | KNOWN | scope:
                    self.say(child, f"{text(child)} is not declared")
            elif child.type not in ("type_declaration", "decorators", "property_identifier"):
                self.check_names(child, scope)

    def check_modules(self):
        modules = {}
        for node in self.declarations():
            if node.type != "module_declaration":
                continue
            file = self.path.parent / self.value(children(node, "string")[0])
            if not file.is_file():
                self.say(node, f"there is no {file}")
                continue
            module = File(file)
            modules[text(children(node, "identifier")[0])] = module
            body = self.value(self.body(node))
            given = set(body["params"][1]) if "params" in body else set()
            for name in module.required - given:
                self.say(node, f"{file.name} needs the parameter {name}")
            for name in given - module.params:
                self.say(node, f"{file.name} has no parameter {name}")
        self.check_outputs(self.root, modules)

    def check_outputs(self, node, modules):
        words = text(node).split(".")
        if node.type == "member_expression" and len(words) == 3 and words[1] == "outputs":
            module = modules.get(words[0])
            if module and words[2] not in module.outputs:
                self.say(node, f"{module.path.name} has no output {words[2]}")
        for child in node.named_children:
            self.check_outputs(child, modules)

    def check_unused(self):
        """A parameter or variable that nothing uses is a mistake."""
        used = {}

        def count(node):
            if node.type == "identifier":
                used[text(node)] = used.get(text(node), 0) + 1
            for child in node.named_children:
                count(child)

        count(self.root)
        for node in self.declarations():
            if node.type in ("parameter_declaration", "variable_declaration"):
                name = text(children(node, "identifier")[0])
                if used[name] < 2:
                    self.say(node, f"nothing uses {name}")

    def check_reads(self, node, kinds, types):
        """What is read of a resource is there."""
        words = text(node).replace("?", "").split(".")
        if node.type == "member_expression" and words[0] in kinds:
            missing = types.reads(kinds[words[0]], words[1:])
            if missing:
                self.say(node, f"{words[0]} has no {missing}")
            return
        for child in node.named_children:
            self.check_reads(child, kinds, types)

    def check_resources(self, types):
        count, kinds = 0, {}
        for node in self.declarations():
            if node.type != "resource_declaration":
                continue
            name = self.value(children(node, "string")[0])
            kinds[text(children(node, "identifier")[0])] = name
            body = self.value(self.body(node))
            existing = any(it.type == "existing" or text(it) == "existing" for it in node.children)
            # Bicep's own, which no type of Azure has.
            for own in ("parent", "scope", "dependsOn"):
                body.pop(own, None)
            for where, what in types.check(name, body, existing):
                self.say(where or node, f"{name}: {what}")
            count += 1
        self.check_reads(self.root, kinds, types)
        return count


def parameters(path):
    """What is wrong with a file of parameters, whose grammar tree-sitter's does not have."""
    source = path.read_text()
    file = File(path.parent / re.search(r"^using '(.+)'$", source, re.MULTILINE)[1])
    given = set(re.findall(r"^param (\w+) = ", source, re.MULTILINE))
    wrong = [f"{path}: {file.path.name} has no parameter {name}" for name in given - file.params]
    return wrong + [f"{path}: the parameter {name} is missing" for name in file.required - given]


def main():
    folder, *files = sys.argv[1:]
    types = Types(pathlib.Path(folder), UNKNOWN)
    wrong, resources = [], 0
    for path in map(pathlib.Path, files):
        if path.suffix == ".bicepparam":
            wrong += parameters(path)
            continue
        file = File(path)
        file.check_grammar()
        file.check_names()
        file.check_modules()
        file.check_unused()
        resources += file.check_resources(types)
        wrong += file.wrong
    print("\n".join(wrong) or f"{len(files)} files, {resources} resources: nothing is wrong")
    sys.exit(bool(wrong) or not resources)


main()
