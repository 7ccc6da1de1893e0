"""The catalogue of findings: one rule per code, with the page that `modelcheck explain` shows.

Codes 1xx are about text and syntax, 2xx about names, sorts and well-formedness, 3xx about roles and claims.
"""

from __future__ import annotations

from modelcheck.diagnostics import Rule

UNREADABLE_FILE = Rule(
    "MC101",
    "unreadable-file",
    "A file cannot be read",
    """\
The file does not exist, is a folder where a file is expected, or may not be read by you.

Check the path and its permissions.""",
)
NOT_TEXT = Rule(
    "MC102",
    "not-text",
    "A file is not UTF-8 text",
    """\
A spec is a text file in UTF-8. This one has bytes that are no UTF-8 text, or a zero byte.

Save it as UTF-8; perhaps the path names another file than you meant.""",
)
FILE_TOO_LARGE = Rule(
    "MC103",
    "file-too-large",
    "A file is larger than a spec can be",
    """\
A spec has at most 256 KiB. Larger files are refused before they are read.

Check that the path names a spec.""",
)
EMPTY_FILE = Rule(
    "MC104",
    "empty-file",
    "A file has no protocol in it",
    """\
A spec starts with `protocol NAME`.

`modelcheck new NAME` writes a commented spec to start from.""",
)
TOO_DEEP = Rule(
    "MC105",
    "too-deep",
    "Brackets or blocks nest too deeply",
    """\
Brackets nest at most 100 deep, and blocks of branches (`alt`, `opt`) at most 25 deep. Nobody could follow more.

Wrong:  `let k = kdf(kdf(kdf(...)))`, a hundred times
Right:  give inner terms names with `let`, and end a block before the next one starts.""",
)
SYNTAX_ERROR = Rule(
    "MC110",
    "syntax-error",
    "The text does not follow the grammar",
    """\
The place shows where reading stopped: what stands there cannot stand there. The mistake is at this place or shortly before it.

The grammar is in the reference of the language.""",
)
BAD_CHARACTER = Rule(
    "MC111",
    "bad-character",
    "A character that means nothing here",
    """\
The language uses letters, digits, `_`, brackets, `:`, `,`, `=`, `->`, `^`, `*`, `..` and texts in double quotes.

Wrong:  `Client => Server: Hello { }`
Right:  `Client -> Server: Hello { }`""",
)
BAD_INCLUDE = Rule(
    "MC120",
    "bad-include",
    "An include names no spec",
    """\
`include "path"` names a file that ends in `.flow`, relative to the including file. It is the only way in which a spec names other files.

Wrong:  `include "keys.txt"`
Right:  `include "../tls13/full.flow"`""",
)
UNKNOWN_SETTING = Rule(
    "MC130",
    "unknown-setting",
    "A setting that does not exist",
    """\
The table `[tool.modelcheck]` of a pyproject.toml presets options of `modelcheck check`: `paths`, `budget`, `sessions`, `timeout`, `memory`, `jobs`, `audit`, `cache`, `format`, `output` and `verbose`. Others are refused, so that a misspelt one is not ignored.

Wrong:  `no-audit = true`
Right:  `audit = false`""",
)
BAD_SETTING = Rule(
    "MC131",
    "bad-setting",
    "A setting has a value that it cannot have",
    """\
A setting in the table `[tool.modelcheck]` of a pyproject.toml has a value of another type or out of range, or the file is no TOML.

Wrong:  `sessions = "four"`
Right:  `sessions = 4`""",
)
UNKNOWN_NAME = Rule(
    "MC201",
    "unknown-name",
    "A name that means nothing here",
    """\
A name means the latest value, message, branch, role, or key of that name above the place where it stands. This one means nothing there: it is misspelt, or declared later or in the other branch.

Wrong:  `let k = kdf(x)` above `Client creates x: Nonce`
Right:  create `x` first.""",
)
NAME_TAKEN = Rule(
    "MC202",
    "name-taken",
    "One name for two things",
    """\
Roles, keys, sorts, values, functions and the values of a flow share one set of names, so that a reader never has to guess.

Wrong:  `Client creates n: Nonce` and `Server creates n: Nonce`
Right:  `n_c` and `n_s`.""",
)
UNKNOWN_SORT = Rule(
    "MC203",
    "unknown-sort",
    "A sort that does not exist",
    """\
Fresh values and keys have one of the built-in sorts; picked values have a sort declared with `values`.

Wrong:  `Client creates x: Random`
Right:  `Client creates x: Nonce`""",
)
SORT_MISMATCH = Rule(
    "MC204",
    "sort-mismatch",
    "A value of the wrong sort",
    """\
A primitive takes keys of certain sorts only, and a key family is selected by names. Mixing them up is usually a slip, and would make the primitive's meaning undefined.

Wrong:  `sign(static(server), m)` with `key static(Name): KemKey`
Right:  a key of sort SigningKey.""",
)
UNKNOWN_FUNCTION = Rule(
    "MC205",
    "unknown-function",
    "A function that does not exist",
    """\
The functions are the primitives of the language (hash, hmac, hkdf_extract, hkdf_expand, derive_secret, derived, finished, kdf, prf, stretch, id, pk, aead, encrypt, pk_encrypt, sign, kem_ct, kem_ss, auth_kem_ss, hpke_seal, hpke_seal_psk, hpke_seal_auth, oprf_blind, oprf_evaluate, oprf_output), the key families, and what `define` adds. `define f(x)` without `=` declares a new one-way function.""",
)
WRONG_ARITY = Rule(
    "MC206",
    "wrong-arity",
    "Too many or too few arguments",
    """\
Wrong:  `hkdf_extract(secret)`
Right:  `hkdf_extract(zero, secret)`""",
)
UNKNOWN_LABEL = Rule(
    "MC207",
    "unknown-label",
    "An argument label that does not exist",
    """\
`aead` and the HPKE calls know `aad:`, `aead` also `nonce:`. Other functions have no labelled arguments.""",
)
PARAMETER_SORT = Rule(
    "MC208",
    "parameter-sort",
    "A role parameter that is not a name",
    """\
What follows `is`, `given` and `hosts` are names of parties: they decide who a session is and whom it talks to. Other choices are picked in the flow.

Wrong:  `role Client given mode: Mode`
Right:  `Client picks mode: Mode`""",
)
NOT_FRESH = Rule(
    "MC209",
    "not-fresh",
    "Only fresh values can be renewed",
    """\
`renews x` makes a new value for a name that a role created.

Wrong:  `Client renews k` after `let k = ...`
Right:  renew what `k` is made from.""",
)
NOT_KEPT = Rule(
    "MC210",
    "not-kept",
    "Nobody keeps the recalled value",
    """\
A role recalls what a role of the same name kept: in a protocol after `after`, or earlier in this one.

Add `Client keeps psk` there, or name that protocol in the header.""",
)
UNDECIDABLE_CONDITION = Rule(
    "MC211",
    "undecidable-condition",
    "The flow cannot branch on this",
    """\
Branches depend on picked values of finite sorts, on labels of earlier branches, on a role's free choice (`alt R chooses x`) or on whether a role can open something. Comparisons of messages are checks: a role that finds a difference stops.

Wrong:  `alt when r_c = r_s`
Right:  `Client checks r_c != r_s`""",
)
TOO_MANY_PATHS = Rule(
    "MC212",
    "too-many-paths",
    "The flow has too many ways to go",
    """\
Each independent decision doubles the number of ways through the flow; more than 128 are refused.

Split the protocol: optional phases can be protocols of their own with `continues`.""",
)
MESSAGE_TWICE = Rule(
    "MC213",
    "message-twice",
    "A role sends two messages of one name",
    """\
A message may occur once per sender and branch, since its name must say which one is meant.

Right:  `Client -> Server: ClientHello as second_hello { ... }`""",
)
AMBIGUOUS_MESSAGE = Rule(
    "MC214",
    "ambiguous-message",
    "A message name that several roles use",
    """\
Both roles send a message of this name.

Right:  `Server.Finished`""",
)
NO_SUCH_RANGE = Rule(
    "MC215",
    "no-such-range",
    "No such part of the transcript",
    """\
`transcript(A..B)` runs from message A, or from the restart that folded A in, to message B. Both must have been sent above, in this order.""",
)
NO_THIS = Rule(
    "MC216",
    "no-this",
    "`this` outside a message",
    """\
`this` is the message that is being written; `this without f` is that message less a field. It stands in fields only.""",
)
NOT_A_MESSAGE = Rule(
    "MC217",
    "not-a-message",
    "`without` needs a message",
    """\
Only messages have fields to leave out.

Right:  `this without binder`, `outer without payload`""",
)
BAD_PRODUCT = Rule(
    "MC218",
    "bad-product",
    "Not a Diffie-Hellman value",
    """\
Group elements have the form `g^x` or `g^(x*y)`, and a share may be raised: `ClientHello.key_share^y`. Products of three exponents are not modelled.""",
)
DEFINITION_CYCLE = Rule(
    "MC219",
    "definition-cycle",
    "A definition that uses itself",
    """\
`define` is notation: it is written out where it is used, so it cannot recur.""",
)
NOT_A_PROTECTION = Rule(
    "MC220",
    "not-a-protection",
    "Messages can only be put into `encrypted(k)`",
    """\
Record protection of messages is written `encrypted(k) { ... }` with one key. Other ciphertexts are terms in a field.""",
)
NOT_A_CHECK = Rule(
    "MC221",
    "not-a-check",
    "A check compares",
    """\
`R checks` takes `t = u`, `t != u`, `t in s` or `t is new`.""",
)
UNKNOWN_PROTOCOL = Rule(
    "MC222",
    "unknown-protocol",
    "A protocol that is nowhere to be found",
    """\
Protocols are found in the same file, in the files it includes, and in the other files of the same run.

Add `include "../tls13/full.flow"` or check the whole folder.""",
)
PROTOCOL_CYCLE = Rule(
    "MC223",
    "protocol-cycle",
    "A protocol that is built from itself",
    """\
`continues`, `after`, `variant ... of` and `compose` build on other protocols. A cycle of them has no meaning.""",
)
EDIT_WITHOUT_TARGET = Rule(
    "MC224",
    "edit-without-target",
    "An edit that changes nothing",
    """\
A variant's edit finds what has the same name in the base: a message, a field, a let, a key, a role; a check or restart is quoted as it stands. This one finds nothing, so the variant would silently be the base.""",
)
NOT_SHARED = Rule(
    "MC225",
    "not-shared",
    "A composition shares what a part does not have",
    """\
`compose N of P, Q sharing k` runs P and Q side by side with the keys of family `k` in common. Each part must declare it.""",
)
UNKNOWN_CLAIM = Rule(
    "MC226",
    "unknown-claim",
    "A claim without a sentence",
    """\
In a variant `label: expect attack` takes the sentence of the base's claim of that label. The base has none.""",
)
NO_SUCH_POINT = Rule(
    "MC227",
    "no-such-point",
    "A point that the role never reaches",
    """\
A claim is judged where a role accepts, stops, accepts a stage, or sends or receives a message. The flow has no such place for this role.""",
)
NOT_A_FACT = Rule(
    "MC228",
    "not-a-fact",
    "Not a condition",
    """\
Conditions in claims compare a picked value with a value of its sort, or name a branch.

Right:  `if group = x25519`, `if x25519 in groups`, `if accepted`""",
)
KEPT_IN_TWO_FORMATS = Rule(
    "MC229",
    "kept-in-two-formats",
    "One name for stored values of different formats",
    """\
A role keeps a value under a name that stands for a value of another kind on another branch, or in another protocol. Whoever recalls it could not know which.

Keep them under different names.""",
)
UNDERIVABLE_SEND = Rule(
    "MC301",
    "underivable-send",
    "A role cannot build what it sends",
    """\
Roles send only what they can build from what they created, were told, received and opened. The message shows a smallest part that is missing.

Either an earlier message must carry it, or the role must hold a key to open what carries it.""",
)
NOT_HELD = Rule(
    "MC303",
    "not-held",
    "A claim speaks of something a role does not hold",
    """\
An agreement compares what both roles hold at their points, and secrecy is about what the role holds at its point.

Name something that the role created, learned or can compute by then, or judge it at a later point.""",
)
NOT_JUDGED_POINT = Rule(
    "MC304",
    "not-judged-point",
    "A leak after a point of another role",
    """\
`after POINT` says when keys leak as seen from the judged session, so the point must be one of the role that the claim judges.

Wrong:  `secret k at Server despite leak of signing after Client accepts`
Right:  `... after Server accepts`""",
)
OPAQUE_TOO_LARGE = Rule(
    "MC305",
    "opaque-too-large",
    "An unopened part is too large",
    """\
A part that a role cannot open is modelled leaf by leaf. This one has too many leaves.""",
)
UNTIED_KEY = Rule(
    "MC306",
    "untied-key",
    "A role cannot tie a key to its holder",
    """\
A key of a family that is neither `certified` nor `published` arrives in a message. The role takes whatever key is there, so the attacker can put its own in that place.

Write `certified` (a certificate ties the key to the name) or `published` (everybody knows whose it is) after the family if that is what the protocol does.""",
)
IDLE_ROLE = Rule(
    "MC307",
    "idle-role",
    "A role that does nothing",
    """\
The role is declared and neither sends nor receives a message in the flow.""",
)
UNCHECKED_FIELD = Rule(
    "MC308",
    "unchecked-field",
    "A field that a role does not check",
    """\
The flow says `unchecked`: the role takes the field as it comes although it could compare it. This is a reminder for readers of the verdicts.""",
)

ALL: tuple[Rule, ...] = (
    UNREADABLE_FILE,
    NOT_TEXT,
    FILE_TOO_LARGE,
    EMPTY_FILE,
    TOO_DEEP,
    SYNTAX_ERROR,
    BAD_CHARACTER,
    BAD_INCLUDE,
    UNKNOWN_SETTING,
    BAD_SETTING,
    UNKNOWN_NAME,
    NAME_TAKEN,
    UNKNOWN_SORT,
    SORT_MISMATCH,
    UNKNOWN_FUNCTION,
    WRONG_ARITY,
    UNKNOWN_LABEL,
    PARAMETER_SORT,
    NOT_FRESH,
    NOT_KEPT,
    UNDECIDABLE_CONDITION,
    TOO_MANY_PATHS,
    MESSAGE_TWICE,
    AMBIGUOUS_MESSAGE,
    NO_SUCH_RANGE,
    NO_THIS,
    NOT_A_MESSAGE,
    BAD_PRODUCT,
    DEFINITION_CYCLE,
    NOT_A_PROTECTION,
    NOT_A_CHECK,
    UNKNOWN_PROTOCOL,
    PROTOCOL_CYCLE,
    EDIT_WITHOUT_TARGET,
    NOT_SHARED,
    UNKNOWN_CLAIM,
    NO_SUCH_POINT,
    NOT_A_FACT,
    KEPT_IN_TWO_FORMATS,
    UNDERIVABLE_SEND,
    NOT_HELD,
    NOT_JUDGED_POINT,
    OPAQUE_TOO_LARGE,
    UNTIED_KEY,
    IDLE_ROLE,
    UNCHECKED_FIELD,
)
"""Every rule, by code."""


def find(code_or_name: str) -> Rule | None:
    """Return the rule with this code or word name, in any case, or None."""
    wanted = code_or_name.strip().lower()
    return next((rule for rule in ALL if wanted in (rule.code.lower(), rule.name)), None)
