"""What a weakness is to `security_scanner`: closed kinds with CWE numbers, and code in a flawed and a safe shape.

A `Pattern` is one way of writing something that can be got wrong. Its `flawed` text has the lines of the weakness marked
with `#!` at the end; the `safe` texts do the same job properly, or look suspicious and are not. `route` is the handler by
which request data reach the code, the same for both. `$names` are invented for every sample.
"""

from __future__ import annotations

from dataclasses import dataclass

ROLES = ("routes", "storage", "files", "clients", "accounts", "config")


@dataclass(frozen=True)
class Kind:
    """A kind of weakness: the CWE that the prompt asks for, other CWE numbers that mean the same here, its definition."""

    cwe: int
    same: tuple[int, ...]
    title: str
    definition: str


@dataclass(frozen=True)
class Pattern:
    """One way of writing it. A pattern without a flawed text only looks suspicious, whatever is planted.

    Attributes:
        role: the kind of file that it belongs to, one of `ROLES`.
        verb: begins the name of its function.
        imports: what the file needs at its head; each safe text names further ones in `also`.
        constants: module-level lines that both shapes need.
    """

    cwe: int
    role: str
    verb: str
    flawed: str
    safe: str
    imports: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    route: str = ""


KINDS = {
    kind.cwe: kind
    for kind in (
        Kind(22, (23, 36, 73), "path traversal", "a file path is built from outside data and nothing keeps it inside its folder"),
        Kind(78, (77, 88), "command injection", "outside data become part of a command line that a shell reads"),
        Kind(79, (80, 116), "cross-site scripting", "outside data are put into HTML without being escaped"),
        Kind(89, (564, 943), "SQL injection", "outside data become part of SQL text instead of being bound as parameters"),
        Kind(95, (94, 96), "code injection", "outside data are evaluated as Python code"),
        Kind(208, (203, 385), "timing-unsafe comparison", "a secret token or signature is compared with == or !="),
        Kind(295, (297, 599), "TLS verification off", "an outgoing connection does not verify the server's certificate"),
        Kind(328, (327, 326, 916, 759, 760), "weak hash", "MD5 or SHA-1 protects a password or makes a signature"),
        Kind(338, (330, 331, 335, 337), "insecure randomness", "a password, token or one-time code comes from the random module"),
        Kind(489, (215, 11), "debug mode", "debug mode is on in the code that starts or configures the service"),
        Kind(502, (), "insecure deserialisation", "outside data are read by a format that can run code (pickle, unsafe YAML)"),
        Kind(601, (), "open redirect", "the target of a redirect is taken from the request as it is"),
        Kind(611, (827,), "XML external entities", "XML from outside is parsed with external entities switched on"),
        Kind(798, (259, 321), "hard-coded secret", "a password, key or token stands in the source"),
        Kind(862, (285, 306, 639, 863), "missing authorisation", "a handler neither calls require(...) nor is marked @public"),
        Kind(918, (), "server-side request forgery", "the service fetches from a host that the request chooses"),
    )
}
