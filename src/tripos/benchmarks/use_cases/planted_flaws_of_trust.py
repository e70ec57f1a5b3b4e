"""Patterns of `security_scanner` in which the service itself trusts too much: secrets, tokens, checks, settings."""

from __future__ import annotations

from tripos.benchmarks.use_cases.planted_flaws import Pattern

OF_TRUST: tuple[Pattern, ...] = (
    Pattern(
        cwe=918,
        role="clients",
        verb="fetch",
        imports=("import requests", "from urllib.parse import urlsplit"),
        flawed='''
def $fn(url: str) -> bytes:
    """The picture of $a_noun that the user points to."""
    answer = requests.get(url, timeout=5)  #!
    answer.raise_for_status()
    return answer.content
''',
        safe='''
def $fn(url: str) -> bytes:
    """The picture of $a_noun that the user points to."""
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.netloc not in {"img.$app.example", "media.$app.example"}:
        raise ValueError(url)
    answer = requests.get(url, timeout=5, allow_redirects=False)
    answer.raise_for_status()
    return answer.content
''',
        route='@routes.get("/$path")\ndef $handler():\n    require("$perm")\n'
        '    return Response($module.$fn(request.args["url"]), mimetype="image/png")\n',
    ),
    Pattern(
        cwe=918,
        role="clients",
        verb="ask",
        imports=("import requests",),
        flawed='''
def $fn(partner: str) -> dict:
    """What a partner says about its $nouns."""
    return requests.get(f"https://{partner}/status.json", timeout=5).json()  #!
''',
        safe='''
def $fn(partner: str) -> dict:
    """What a partner says about its $nouns."""
    hosts = {"north": "north.$app.example", "south": "south.$app.example"}
    return requests.get(f"https://{hosts[partner]}/status.json", timeout=5).json()
''',
        route='@routes.get("/$path")\ndef $handler():\n    require("$perm")\n    return jsonify($module.$fn(request.args["partner"]))\n',
    ),
    Pattern(
        cwe=295,
        role="clients",
        verb="send",
        imports=("import requests",),
        flawed='''
def $fn(rows: list[dict]) -> int:
    """Sends the day's $nouns to the head office."""
    answer = requests.post("https://office.$app.example/$nouns", json=rows, timeout=20, verify=False)  #!
    return answer.status_code
''',
        safe='''
def $fn(rows: list[dict]) -> int:
    """Sends the day's $nouns to the head office."""
    answer = requests.post("https://office.$app.example/$nouns", json=rows, timeout=20, verify="/etc/$app/ca.pem")
    return answer.status_code
''',
    ),
    Pattern(
        cwe=295,
        role="clients",
        verb="connect",
        imports=("import ssl", "from http.client import HTTPSConnection"),
        flawed='''
def $fn() -> HTTPSConnection:
    """A connection to the archive of $nouns."""
    context = ssl.create_default_context()
    context.check_hostname = False  #!
    context.verify_mode = ssl.CERT_NONE  #!
    return HTTPSConnection("archive.$app.example", context=context)
''',
        safe='''
def $fn() -> HTTPSConnection:
    """A connection to the archive of $nouns."""
    context = ssl.create_default_context()
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    return HTTPSConnection("archive.$app.example", context=context)
''',
    ),
    Pattern(
        cwe=328,
        role="accounts",
        verb="digest",
        imports=("import hashlib",),
        flawed='''
def $fn(password: str, salt: bytes) -> str:
    """What is stored instead of the password that protects $a_noun."""
    return hashlib.sha1(salt + password.encode()).hexdigest()  #!
''',
        safe='''
def $fn(password: str, salt: bytes) -> str:
    """What is stored instead of the password that protects $a_noun."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**15, r=8, p=1, maxmem=2**26).hex()
''',
    ),
    Pattern(
        cwe=328,
        role="accounts",
        verb="tag",
        imports=("import hashlib",),
        flawed="",
        safe='''
def $fn(page: bytes) -> str:
    """The cache label of a public page about $a_noun; nothing is protected by it."""
    return hashlib.md5(page, usedforsecurity=False).hexdigest()
''',
    ),
    Pattern(
        cwe=328,
        role="accounts",
        verb="sign",
        imports=("import hashlib", "import hmac", "import os"),
        flawed='''
def $fn(body: bytes) -> str:
    """The signature under a message about $a_noun."""
    key = os.environb[b"${APP}_SIGNING_KEY"]
    return hashlib.md5(key + body).hexdigest()  #!
''',
        safe='''
def $fn(body: bytes) -> str:
    """The signature under a message about $a_noun."""
    key = os.environb[b"${APP}_SIGNING_KEY"]
    return hmac.new(key, body, hashlib.sha256).hexdigest()
''',
    ),
    Pattern(
        cwe=338,
        role="accounts",
        verb="invite",
        imports=("import random", "import secrets", "import string"),
        flawed='''
def $fn() -> str:
    """The token in the link by which somebody takes over $a_noun."""
    letters = string.ascii_letters + string.digits
    return "".join(random.choices(letters, k=32))  #!
''',
        safe='''
def $fn() -> str:
    """The token in the link by which somebody takes over $a_noun."""
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _ in range(32))
''',
    ),
    Pattern(
        cwe=338,
        role="accounts",
        verb="delay",
        imports=("import random",),
        flawed="",
        safe='''
def $fn(attempt: int) -> float:
    """Seconds to wait before $a_noun is sent again, spread so that not all come at once."""
    return 2**attempt + random.random()
''',
    ),
    Pattern(
        cwe=338,
        role="accounts",
        verb="issue",
        imports=("import random", "import secrets"),
        flawed='''
def $fn() -> str:
    """The one-time code that confirms a change of $a_noun."""
    return f"{random.randrange(10**8):08d}"  #!
''',
        safe='''
def $fn() -> str:
    """The one-time code that confirms a change of $a_noun."""
    return f"{secrets.randbelow(10**8):08d}"
''',
    ),
    Pattern(
        cwe=208,
        role="accounts",
        verb="check",
        imports=("import hmac", "import os"),
        flawed='''
def $fn(token: str) -> bool:
    """Whether a device that reports $a_noun knows our token."""
    expected = os.environ["${APP}_DEVICE_TOKEN"]
    return token == expected  #!
''',
        safe='''
def $fn(token: str) -> bool:
    """Whether a device that reports $a_noun knows our token."""
    expected = os.environ["${APP}_DEVICE_TOKEN"]
    return hmac.compare_digest(token.encode(), expected.encode())
''',
    ),
    Pattern(
        cwe=208,
        role="accounts",
        verb="allow",
        imports=("import os",),
        flawed="",
        safe='''
def $fn(state: str) -> bool:
    """Whether $a_noun may still be changed."""
    expected = os.environ.get("${APP}_OPEN_STATE", "open")
    return state == expected
''',
    ),
    Pattern(
        cwe=208,
        role="accounts",
        verb="verify",
        imports=("import hashlib", "import hmac", "import os"),
        flawed='''
def $fn(body: bytes, signature: str) -> None:
    """Refuses a message about $a_noun whose signature is wrong."""
    key = os.environb[b"${APP}_HOOK_KEY"]
    expected = hmac.new(key, body, hashlib.sha256).hexdigest()
    if signature != expected:  #!
        raise PermissionError("signature")
''',
        safe='''
def $fn(body: bytes, signature: str) -> None:
    """Refuses a message about $a_noun whose signature is wrong."""
    key = os.environb[b"${APP}_HOOK_KEY"]
    expected = hmac.new(key, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, expected):
        raise PermissionError("signature")
''',
    ),
    Pattern(
        cwe=798,
        role="config",
        verb="load",
        imports=("import os",),
        flawed='''
def $fn() -> dict[str, str]:
    """How to reach the store of $nouns."""
    return {
        "user": "$app",
        "password": "$secret",  #!
        "host": os.environ.get("${APP}_HOST", "localhost"),
    }
''',
        safe='''
def $fn() -> dict[str, str]:
    """How to reach the store of $nouns."""
    return {
        "user": "$app",
        "password": os.environ["${APP}_PASSWORD"],
        "host": os.environ.get("${APP}_HOST", "localhost"),
    }
''',
    ),
    Pattern(
        cwe=798,
        role="config",
        verb="unlock",
        imports=("from pathlib import Path",),
        flawed='''
def $fn() -> tuple[str, bytes]:
    """Name and key of the safe in which $nouns are kept."""
    safe = "/srv/$app/$nouns.safe"
    return safe, b"$secret"  #!
''',
        safe='''
def $fn() -> tuple[str, bytes]:
    """Name and key of the safe in which $nouns are kept."""
    safe = "/srv/$app/$nouns.safe"
    return safe, Path("/run/secrets/$app").read_bytes()
''',
    ),
    Pattern(
        cwe=798,
        role="clients",
        verb="report",
        imports=("import os", "import requests"),
        flawed='''
def $fn(count: int) -> None:
    """Reports how many $nouns there are to the meter service."""
    headers = {"Authorization": "Bearer $secret"}  #!
    requests.post("https://meter.$app.example/$nouns", headers=headers, json={"count": count}, timeout=5)
''',
        safe='''
def $fn(count: int) -> None:
    """Reports how many $nouns there are to the meter service."""
    headers = {"Authorization": f"Bearer {os.environ['${APP}_METER_TOKEN']}"}
    requests.post("https://meter.$app.example/$nouns", headers=headers, json={"count": count}, timeout=5)
''',
    ),
    Pattern(
        cwe=489,
        role="config",
        verb="serve",
        imports=("from flask import Flask",),
        flawed='''
def $fn(app: Flask) -> None:
    """Starts the service for $nouns."""
    app.run(host="127.0.0.1", port=$port, debug=True)  #!
''',
        safe='''
def $fn(app: Flask) -> None:
    """Starts the service for $nouns."""
    app.run(host="127.0.0.1", port=$port, debug=False)
''',
    ),
    Pattern(
        cwe=489,
        role="config",
        verb="configure",
        imports=("from flask import Flask",),
        flawed='''
def $fn(app: Flask) -> None:
    """Settings of the part that deals with $nouns."""
    app.config["MAX_CONTENT_LENGTH"] = $port * 1024
    app.config["DEBUG"] = True  #!
''',
        safe='''
def $fn(app: Flask) -> None:
    """Settings of the part that deals with $nouns."""
    app.config["MAX_CONTENT_LENGTH"] = $port * 1024
    app.config["DEBUG"] = False
''',
    ),
    Pattern(
        cwe=862,
        role="routes",
        verb="delete",
        flawed="""
@routes.delete("/$path/<int:number>")  #!
def $handler(number: int):  #!
    journal.append(("delete", "$noun", number))  #!
    del held["$nouns"][number]  #!
    return "", 204  #!
""",
        safe="""
@routes.delete("/$path/<int:number>")
def $handler(number: int):
    require("$perm")
    journal.append(("delete", "$noun", number))
    del held["$nouns"][number]
    return "", 204
""",
    ),
    Pattern(
        cwe=862,
        role="routes",
        verb="change",
        flawed="""
@routes.patch("/$path/<int:number>")  #!
def $handler(number: int):  #!
    changes = request.get_json()  #!
    held["$nouns"][number]["$field"] = str(changes["$field"])  #!
    return jsonify(number=number)  #!
""",
        safe="""
@routes.patch("/$path/<int:number>")
def $handler(number: int):
    require("$perm")
    changes = request.get_json()
    held["$nouns"][number]["$field"] = str(changes["$field"])
    return jsonify(number=number)
""",
    ),
    Pattern(
        cwe=862,
        role="routes",
        verb="watch",
        flawed="",
        safe="""
@routes.get("/$path")
@public
def $handler():
    return jsonify(service="$app", well=True)
""",
    ),
)
"""Patterns in which the service itself is careless."""
