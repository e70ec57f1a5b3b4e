"""Patterns of `security_scanner` in which data from outside do harm."""

from __future__ import annotations

from tripos.benchmarks.use_cases.planted_flaws import Pattern

_LOOKUP = '@routes.get("/$path")\ndef $handler():\n    require("$perm")\n'
_UPLOAD = '@routes.post("/$path")\ndef $handler():\n    require("$perm")\n'

_LISTENER = '''
class Numbers(handler.ContentHandler):
    """Collects the number attribute of every element."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = list()

    def startElement(self, name, attrs) -> None:
        self.seen.append(attrs.get("number", name))
'''

OF_INPUT: tuple[Pattern, ...] = (
    Pattern(
        cwe=89,
        role="storage",
        verb="find",
        constants=('DATABASE = os.environ["${APP}_DATABASE"]',),
        imports=("import os", "import sqlite3"),
        flawed='''
def $fn($field: str) -> list[tuple]:
    """The $nouns whose $field contains the given text."""
    with sqlite3.connect(DATABASE) as db:
        query = f"SELECT id, $field FROM $table WHERE $field LIKE '%{$field}%'"  #!
        return db.execute(query).fetchall()  #!
''',
        safe='''
def $fn($field: str) -> list[tuple]:
    """The $nouns whose $field contains the given text."""
    with sqlite3.connect(DATABASE) as db:
        query = "SELECT id, $field FROM $table WHERE $field LIKE ?"
        return db.execute(query, (f"%{$field}%",)).fetchall()
''',
        route=_LOOKUP + '    return jsonify($module.$fn(request.args.get("$field", "")))\n',
    ),
    Pattern(
        cwe=89,
        role="storage",
        verb="list",
        constants=('DATABASE = os.environ["${APP}_DATABASE"]',),
        imports=("import os", "import sqlite3"),
        flawed='''
def $fn(order: str) -> list[tuple]:
    """All $nouns in the order that the caller asks for."""
    with sqlite3.connect(DATABASE) as db:
        return db.execute("SELECT id, $field FROM $table ORDER BY " + order).fetchall()  #!
''',
        safe='''
def $fn(order: str) -> list[tuple]:
    """All $nouns in the order that the caller asks for."""
    column = {"newest": "created_at", "name": "$field"}.get(order, "id")
    with sqlite3.connect(DATABASE) as db:
        return db.execute("SELECT id, $field FROM $table ORDER BY " + column).fetchall()
''',
        route=_LOOKUP + '    return jsonify($module.$fn(request.args.get("order", "newest")))\n',
    ),
    Pattern(
        cwe=78,
        role="files",
        verb="print",
        imports=("import subprocess",),
        flawed='''
def $fn(printer: str, copies: int) -> None:
    """Prints the sheet of $nouns that is prepared every night."""
    command = f"lp -d {printer} -n {copies} /srv/$app/$nouns.pdf"  #!
    subprocess.run(command, shell=True, check=True)  #!
''',
        safe='''
def $fn(printer: str, copies: int) -> None:
    """Prints the sheet of $nouns that is prepared every night."""
    command = ["lp", "-d", printer, "-n", str(copies), "/srv/$app/$nouns.pdf"]
    subprocess.run(command, check=True)
''',
        route=_UPLOAD + '    $module.$fn(request.form["printer"], int(request.form["copies"]))\n    return "", 204\n',
    ),
    Pattern(
        cwe=78,
        role="files",
        verb="queue",
        imports=("import subprocess",),
        flawed="",
        safe='''
def $fn(printer: str, copies: int) -> None:
    """Queues the sheet of $nouns that is prepared every night; the night job prints it."""
    subprocess.run("lpstat -r | grep -q running", shell=True, check=True)
    with open("/srv/$app/queue.txt", "a", encoding="utf-8") as queue:
        queue.write(f"{printer!r} {copies}\\n")
''',
        route=_UPLOAD + '    $module.$fn(request.form["printer"], int(request.form["copies"]))\n    return "", 204\n',
    ),
    Pattern(
        cwe=78,
        role="files",
        verb="count",
        imports=("import os", "import subprocess"),
        flawed='''
def $fn(word: str) -> int:
    """How many lines of the journal of $nouns hold the word."""
    with os.popen("grep -c '%s' /var/log/$app/$nouns.log" % word) as counted:  #!
        return int(counted.read())
''',
        safe='''
def $fn(word: str) -> int:
    """How many lines of the journal of $nouns hold the word."""
    argv = ["grep", "-c", "-F", "-e", word, "/var/log/$app/$nouns.log"]
    return int(subprocess.run(argv, capture_output=True, text=True).stdout)
''',
        route=_LOOKUP + '    return jsonify(lines=$module.$fn(request.args["word"]))\n',
    ),
    Pattern(
        cwe=22,
        role="files",
        verb="read",
        imports=("from pathlib import Path",),
        flawed='''
def $fn(name: str) -> bytes:
    """A scanned document of $a_noun."""
    folder = Path("/srv/$app/$nouns")
    return (folder / name).read_bytes()  #!
''',
        safe='''
def $fn(name: str) -> bytes:
    """A scanned document of $a_noun."""
    folder = Path("/srv/$app/$nouns").resolve()
    target = (folder / name).resolve()
    if not target.is_relative_to(folder):
        raise PermissionError(name)
    return target.read_bytes()
''',
        route=_LOOKUP + '    return Response($module.$fn(request.args["name"]), mimetype="application/pdf")\n',
    ),
    Pattern(
        cwe=22,
        role="files",
        verb="pick",
        imports=("from pathlib import Path",),
        flawed="",
        safe='''
def $fn(name: str) -> bytes:
    """One of the three forms for $a_noun."""
    forms = {"new": "new_$noun.pdf", "change": "change_$noun.pdf", "end": "end_$noun.pdf"}
    return (Path("/srv/$app/forms") / forms[name]).read_bytes()
''',
        route=_LOOKUP + '    return Response($module.$fn(request.args["name"]), mimetype="application/pdf")\n',
    ),
    Pattern(
        cwe=22,
        role="files",
        verb="save",
        imports=("import os", "from uuid import uuid4"),
        flawed='''
def $fn(title: str, content: bytes) -> str:
    """Keeps an attachment of $a_noun under its title."""
    target = os.path.join("/srv/$app/attachments", title)  #!
    with open(target, "wb") as out:  #!
        out.write(content)
    return title
''',
        safe='''
def $fn(title: str, content: bytes) -> str:
    """Keeps an attachment of $a_noun under a name of ours; the title is kept in an index."""
    stored = f"{uuid4().hex}.bin"
    with open(os.path.join("/srv/$app/attachments", stored), "wb") as out:
        out.write(content)
    with open("/srv/$app/attachments.index", "a", encoding="utf-8") as index:
        index.write(f"{stored} {title!r}\\n")
    return stored
''',
        route=_UPLOAD + '    return jsonify($module.$fn(request.form["title"], request.get_data()))\n',
    ),
    Pattern(
        cwe=79,
        role="routes",
        verb="search",
        imports=("from markupsafe import escape",),
        flawed="""
@routes.get("/$path")
def $handler():
    require("$perm")
    wanted = request.args.get("$field", "")  #!
    found = len(wanted.split())  #!
    return f"<h1>$Nouns</h1><p>{found} words looked up: {wanted}</p>"  #!
""",
        safe="""
@routes.get("/$path")
def $handler():
    require("$perm")
    wanted = escape(request.args.get("$field", ""))
    found = len(wanted.split())
    return f"<h1>$Nouns</h1><p>{found} words looked up: {wanted}</p>"
""",
    ),
    Pattern(
        cwe=79,
        role="routes",
        verb="preview",
        imports=("from markupsafe import Markup",),
        flawed="""
@routes.post("/$path")
def $handler():
    require("$perm")
    note = request.form["note"]
    card = Markup("<div class='$noun'>" + note + "</div>")  #!
    return render_template("$noun.html", card=card)
""",
        safe="""
@routes.post("/$path")
def $handler():
    require("$perm")
    note = request.form["note"]
    card = Markup("<div class='$noun'>{}</div>").format(note)
    return render_template("$noun.html", card=card)
""",
    ),
    Pattern(
        cwe=95,
        role="storage",
        verb="compute",
        imports=("import ast",),
        flawed='''
def $fn(formula: str) -> float:
    """A figure that the user enters for $a_noun, such as 12.5 or -3."""
    return float(eval(formula, {"__builtins__": {}}))  #!
''',
        safe='''
def $fn(formula: str) -> float:
    """A figure that the user enters for $a_noun, such as 12.5 or -3."""
    return float(ast.literal_eval(formula))
''',
        route=_LOOKUP + '    return jsonify(value=$module.$fn(request.args["formula"]))\n',
    ),
    Pattern(
        cwe=95,
        role="storage",
        verb="filter",
        imports=("import operator",),
        flawed='''
def $fn(rows: list[dict], test: str) -> list[dict]:
    """The $nouns that pass a test on their $field, such as: > 10."""
    return [row for row in rows if eval(f"row['$field'] {test}")]  #!
''',
        safe='''
def $fn(rows: list[dict], test: str) -> list[dict]:
    """The $nouns that pass a test on their $field, such as: > 10."""
    sign, limit = test.split()
    passes = {">": operator.gt, "<": operator.lt, "=": operator.eq}[sign]
    return [row for row in rows if passes(row["$field"], float(limit))]
''',
        route=_UPLOAD + '    return jsonify($module.$fn(request.get_json(), request.args["test"]))\n',
    ),
    Pattern(
        cwe=502,
        role="files",
        verb="restore",
        imports=("import base64", "import json", "import pickle"),
        flawed='''
def $fn(draft: str) -> dict:
    """The draft of $a_noun that the browser kept for us."""
    packed = base64.b64decode(draft)
    return pickle.loads(packed)  #!
''',
        safe='''
def $fn(draft: str) -> dict:
    """The draft of $a_noun that the browser kept for us."""
    packed = base64.b64decode(draft)
    return json.loads(packed)
''',
        route=_UPLOAD + '    return jsonify($module.$fn(request.form["draft"]))\n',
    ),
    Pattern(
        cwe=502,
        role="files",
        verb="import",
        imports=("import yaml",),
        flawed='''
def $fn(text: str) -> list:
    """A list of $nouns that was exported elsewhere."""
    read = yaml.load(text, Loader=yaml.UnsafeLoader)  #!
    return list(read["$nouns"])
''',
        safe='''
def $fn(text: str) -> list:
    """A list of $nouns that was exported elsewhere."""
    read = yaml.load(text, Loader=yaml.SafeLoader)
    return list(read["$nouns"])
''',
        route=_UPLOAD + "    return jsonify($module.$fn(request.get_data(as_text=True)))\n",
    ),
    Pattern(
        cwe=601,
        role="routes",
        verb="leave",
        flawed="""
@routes.post("/$path")
def $handler():
    require("$perm")
    session.pop("$noun", None)
    return redirect(request.args.get("next", "/"))  #!
""",
        safe="""
@routes.post("/$path")
def $handler():
    require("$perm")
    session.pop("$noun", None)
    pages = {"list": "/$nouns", "start": "/"}
    return redirect(pages.get(request.args.get("next"), "/"))
""",
    ),
    Pattern(
        cwe=601,
        role="routes",
        verb="close",
        flawed="""
@routes.post("/$path")
def $handler():
    require("$perm")
    back = request.form.get("back") or "/"
    flash("The $noun is closed.")
    return redirect(back, code=303)  #!
""",
        safe="""
@routes.post("/$path")
def $handler():
    require("$perm")
    tab = request.form.get("back") or "all"
    flash("The $noun is closed.")
    return redirect(url_for("routes.start", tab=tab), code=303)
""",
    ),
    Pattern(
        cwe=611,
        role="files",
        verb="parse",
        imports=("from lxml import etree",),
        flawed='''
def $fn(document: bytes) -> list[str]:
    """The numbers of the $nouns in a partner's XML."""
    parser = etree.XMLParser(resolve_entities=True, load_dtd=True, no_network=False)  #!
    tree = etree.fromstring(document, parser)  #!
    return [node.text for node in tree.iter("$noun")]
''',
        safe='''
def $fn(document: bytes) -> list[str]:
    """The numbers of the $nouns in a partner's XML."""
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
    tree = etree.fromstring(document, parser)
    return [node.text for node in tree.iter("$noun")]
''',
        route=_UPLOAD + "    return jsonify($module.$fn(request.get_data()))\n",
    ),
    Pattern(
        cwe=611,
        role="files",
        verb="scan",
        imports=("import io", "from xml.sax import handler, make_parser"),
        constants=(_LISTENER,),
        flawed='''
def $fn(document: bytes) -> list[str]:
    """The numbers in a partner's XML about $nouns."""
    listener = Numbers()
    reader = make_parser()
    reader.setFeature(handler.feature_external_ges, True)  #!
    reader.setContentHandler(listener)
    reader.parse(io.BytesIO(document))  #!
    return listener.seen
''',
        safe='''
def $fn(document: bytes) -> list[str]:
    """The numbers in a partner's XML about $nouns."""
    listener = Numbers()
    reader = make_parser()
    reader.setFeature(handler.feature_external_ges, False)
    reader.setContentHandler(listener)
    reader.parse(io.BytesIO(document))
    return listener.seen
''',
        route=_UPLOAD + "    return jsonify($module.$fn(request.get_data()))\n",
    ),
)
"""Patterns in which data from outside do harm."""
