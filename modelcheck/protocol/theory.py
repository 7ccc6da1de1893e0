"""The primitives as a table: how each is built, how it is opened, and what a weak form gives away.

Every rule is a *recipe*: whoever knows all ``needs`` can produce each of ``gives``. Recipes are schematic terms; the
role projection, the attacker's clauses and the replayer all read this one table, so adding a primitive is adding an
entry. Sources: Dolev and Yao 1983 for the reading of the classical primitives; RFC 5869 (HKDF), RFC 8446 section 7.1
(key schedule), RFC 9180 (HPKE), RFC 9497 (OPRF), RFC 9846 and the RefTLS models for the weak forms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from modelcheck.protocol.terms import DH, LABEL, MESSAGE, NAME, STORED, App, Const, Key, Term, Var, sort_of

WILD = "*"
"""The sort of a schematic variable that stands for any term."""

EMPTY = Const("", LABEL)
ZERO = Const("0", LABEL)
ABSENT = Const("absent", "absent field")
"""What stands in a message for a field that is left out under the conditions of this run."""

DISHONEST = "i"
"""The name of the dishonest party; one is enough, for all dishonest parties share their knowledge."""

FRESH_SORTS = (
    "Nonce", "Exponent", "SigningKey", "KemKey", "EncryptionKey", "RsaKey", "SymmetricKey", "Psk", "Password",
    "Coins", "Data", "Opaque", "Blind", "OprfKey",
)  # fmt: skip
"""The sorts that a role can create or a key family can have."""

GUESSED_SORTS = ("Nonce", "SymmetricKey", "Psk", "Password", "Data", "Opaque")
"""The sorts of values without a public half, for which an attacker may try guesses."""

IDENTITY = "id"
"""The function from a key to its public identity."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Whoever knows all ``needs`` can produce ``gives``; schematic variables have the sort :data:`WILD`.

    ``weak`` names the weak form that must be switched on for the recipe to exist ("" for none).
    """

    needs: tuple[Term, ...]
    gives: Term
    weak: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """Whoever has ``sealed`` and knows ``needs`` learns ``gives``.

    ``role_needs`` is what an honest party must know in addition: it checks associated data and verification keys,
    an attacker does not.
    """

    sealed: Term
    needs: tuple[Term, ...]
    gives: Term | None
    role_needs: tuple[Term, ...] = ()
    weak: str = ""


@dataclass(frozen=True, slots=True)
class Primitive:
    """One function of the language: its least and greatest number of arguments, labelled arguments, and a sentence."""

    name: str
    least: int
    most: int | None
    doc: str
    labels: tuple[str, ...] = ()
    key_sorts: tuple[str, ...] = ()
    """The sorts that the long-term or fresh key in first position may have; empty if anything may stand there."""
    public_key: bool = False
    """Whether the first argument is the public half ``pk(k)`` of such a key rather than the key itself."""


def _v(name: str) -> Var:
    return Var(name, WILD)


_K, _R, _N, _A, _M, _X, _Y, _W, _S = map(_v, "KRNAMXYWS")
SCHEMATIC = _B = Var("B", "Blind")
"""The only variable that a recipe needs and its result does not fix: the blind of an OPRF input."""


def _f(name: str, *arguments: Term) -> App:
    return App(name, arguments)


_PK, _G_X, _G_Y = _f("pk", _K), _f("g", _X), _f("g", _Y)

_ONE_WAY = (
    Primitive("hash", 1, None, "a collision-free hash of its arguments"),
    Primitive("hmac", 1, None, "a MAC: the key first, then what it covers"),
    Primitive("hkdf_extract", 2, None, "HKDF-Extract(salt, input keying material, labels ...), RFC 5869"),
    Primitive("hkdf_expand", 1, None, "HKDF-Expand(key, info ...), RFC 5869"),
    Primitive("derive_secret", 2, None, "Derive-Secret(secret, label, transcript), RFC 8446 section 7.1"),
    Primitive("derived", 1, 1, 'Derive-Secret(secret, "derived", ""), RFC 8446 section 7.1'),
    Primitive("finished", 1, None, "the finished key of a traffic secret, RFC 8446 section 4.4.4"),
    Primitive("kdf", 1, None, "any other key derivation"),
    Primitive("prf", 1, None, "the TLS 1.2 PRF: secret, label, seed ..., RFC 5246 section 5"),
    Primitive("stretch", 1, None, "a slow password hash"),
    Primitive(IDENTITY, 1, None, "the public identity of a key"),
)

PRIMITIVES = MappingProxyType({
    primitive.name: primitive
    for primitive in (
        *_ONE_WAY,
        Primitive("pk", 1, 1, "the public half of a key"),
        Primitive("aead", 2, None, "authenticated encryption: key, plaintext ...", ("nonce", "aad")),
        Primitive("encrypted", 2, None, "record protection: authenticated encryption of messages under a traffic key"),
        Primitive("encrypt", 2, None, "symmetric authenticated encryption: key, plaintext ..."),
        Primitive("pk_encrypt", 2, None, "public-key encryption: public key, plaintext ...",
                  key_sorts=("EncryptionKey", "RsaKey"), public_key=True),
        Primitive("sign", 2, None, "a signature: key, what it covers; whoever has it can read what it covers",
                  key_sorts=("SigningKey", "RsaKey")),
        Primitive("kem_ct", 2, 2, "the KEM ciphertext for a public key and coins",
                  key_sorts=("KemKey",), public_key=True),
        Primitive("kem_ss", 2, 2, "the KEM shared secret for a public key and coins",
                  key_sorts=("KemKey",), public_key=True),
        Primitive("auth_kem_ss", 3, 3, "the shared secret of an authenticated KEM: recipient's public key, coins, "
                  "sender's private key (RFC 9180 AuthEncap)", key_sorts=("KemKey",), public_key=True),
        Primitive("hpke_seal", 3, None, "HPKE mode base: public key, coins, info, plaintext ...", ("aad",),
                  key_sorts=("KemKey",), public_key=True),
        Primitive("hpke_seal_psk", 4, None, "HPKE mode psk: public key, coins, psk, info, plaintext ...", ("aad",),
                  key_sorts=("KemKey",), public_key=True),
        Primitive("hpke_seal_auth", 4, None, "HPKE mode auth: public key, coins, sender's key, info, plaintext ...",
                  ("aad",), key_sorts=("KemKey",), public_key=True),
        Primitive("oprf_blind", 2, 2, "the blinded element for an input and a blind, RFC 9497"),
        Primitive("oprf_evaluate", 2, 2, "the evaluation of a blinded element under a key, RFC 9497"),
        Primitive("oprf_output", 2, 2, "the OPRF output for a key and an input, RFC 9497"),
    )
})  # fmt: skip
"""The functions a spec may call, by name; ``define`` adds more, and an undeclared name is an error."""

RECIPES = (
    Recipe((_X, _G_Y), _f(DH, _X, _Y)),
    Recipe((_Y, _G_X), _f(DH, _X, _Y)),
    Recipe((_G_X, _G_Y), _f(DH, _X, _Y), weak="dh"),
    Recipe((_K, _f("kem_ct", _PK, _R)), _f("kem_ss", _PK, _R)),
    Recipe((_f("kem_ct", _M, _R),), _f("kem_ss", _M, _R), weak="kem"),
    Recipe((_f("pk", _K), _R, _S), _f("auth_kem_ss", _PK, _R, _S)),
    Recipe((_K, _f("kem_ct", _PK, _R), _f("pk", _S)), _f("auth_kem_ss", _PK, _R, _S)),
    Recipe((_f("oprf_evaluate", _K, _f("oprf_blind", _W, _B)), _B), _f("oprf_output", _K, _W)),
    Recipe((_PK, _M), _f("sign", _K, _M), weak="sign"),
)
"""Ways to produce a term besides applying its function to its arguments."""

OPENINGS = (
    Opening(_f("aead", _K, _N, _A, _M), (_K,), _M, (_N, _A)),
    Opening(_f("aead", _K, _N, _A, _M), (), _M, weak="aead"),
    Opening(_f("pk_encrypt", _PK, _M), (_K,), _M),
    Opening(_f("pk_encrypt", _X, _M), (), _M, weak="pk_encrypt"),
    Opening(_f("sign", _K, _M), (), _M, (_PK,)),
    Opening(_f("kem_ct", _PK, _R), (_K,), None),
    Opening(_f("oprf_evaluate", _K, _f("oprf_blind", _W, _B)), (_f("oprf_blind", _W, _B),), None),
)
"""What can be taken out of a term."""

NOT_COMPOSED = frozenset({DH})
"""Functions without the plain recipe: nobody exponentiates with both exponents unless a recipe above says how."""

WEAK_FORMS = ("dh", "kem", "sign", "hash", "aead", "pk_encrypt", "rsa")
"""The words that may follow ``weak`` in a claim; ``rsa`` is ``sign`` and ``pk_encrypt`` for keys of sort RsaKey."""


_RECIPES_OF = {r.gives.fields[0]: tuple(o for o in RECIPES if o.gives.fields[0] == r.gives.fields[0]) for r in RECIPES}
_OPENINGS_OF = {
    o.sealed.fields[0]: tuple(p for p in OPENINGS if p.sealed.fields[0] == o.sealed.fields[0]) for o in OPENINGS
}


def is_data(function: str) -> bool:
    """Return whether terms of ``function`` are public structure: everybody can take them apart and put them together."""
    return function == "tuple" or function.startswith(MESSAGE)


def open_parts(term: Term) -> Iterator[Term]:
    """Yield what everybody reads off a term: the parts of messages and tuples, or else the term."""
    if isinstance(term, App) and is_data(term.function):
        for argument in term.arguments:
            yield from open_parts(argument)
    else:
        yield term


def contents(term: Term) -> Iterator[tuple[int, Term]]:
    """Yield what a part of a message holds, open or sealed, with its positions: not what is computed from something."""
    match term:
        case App(function, arguments) if is_data(function):
            yield from enumerate(arguments)
        case App("aead" | "pk_encrypt", arguments):
            yield len(arguments) - 1, arguments[-1]
        case _:
            pass


def match(schema: Term, term: Term, bound: dict[Var, Term]) -> bool:
    """Return whether ``term`` is an instance of ``schema``, extending ``bound`` with what the schema's variables stand for."""
    if isinstance(schema, Var):
        if schema in bound:
            return bound[schema] is term
        if schema.sort not in (WILD, sort_of(term)):
            return False
        bound[schema] = term
        return True
    if schema is term and not schema.variables:
        return True
    if not isinstance(schema, App | Key) or type(schema) is not type(term) or schema.fields[0] != term.fields[0]:
        return False
    assert isinstance(term, App | Key)
    return len(schema.arguments) == len(term.arguments) and all(
        match(part, whole, bound) for part, whole in zip(schema.arguments, term.arguments, strict=True)
    )


def recipes(term: Term, weak: frozenset[str | Term] = frozenset()) -> Iterator[tuple[tuple[Term, ...], Recipe | None]]:
    """Yield each way to produce an application ``term``: what must be known, and the table's recipe (None: plain)."""
    if not isinstance(term, App):
        return
    if term.function not in NOT_COMPOSED:
        yield term.arguments, None
    for recipe in _RECIPES_OF.get(term.function, ()):
        if recipe.weak and not is_weak(recipe.weak, term, weak):
            continue
        bound: dict[Var, Term] = {}
        if match(recipe.gives, term, bound):
            yield tuple(_fill(need, bound) for need in recipe.needs), recipe


def openings(term: Term, weak: frozenset[str | Term] = frozenset()) -> Iterator[tuple[tuple[Term, ...], Term, Opening]]:
    """Yield each way to take something out of ``term``: what the attacker must know, what it learns, the table's entry."""
    for opening in _OPENINGS_OF.get(term.function, ()) if isinstance(term, App) else ():
        if opening.weak and not is_weak(opening.weak, term, weak):
            continue
        bound: dict[Var, Term] = {}
        if opening.gives is not None and match(opening.sealed, term, bound):
            yield tuple(_fill(need, bound) for need in opening.needs), _fill(opening.gives, bound), opening
    if isinstance(term, App) and term.function.startswith(STORED):
        yield (), term.arguments[0], OPENINGS[0]


def is_weak(form: str, term: Term, weak: frozenset[str | Term]) -> bool:
    """Return whether ``form`` is weak in ``term``.

    It is if ``weak`` has it, or ``rsa`` and the key of ``term`` is an RSA key, or if ``weak`` has the term or its key.
    """
    if form in weak or term in weak:
        return True
    if form not in ("sign", "pk_encrypt") or not isinstance(term, App):
        return False
    key = term.arguments[0]
    if isinstance(key, App) and key.function == "pk":
        key = key.arguments[0]
    return key in weak or ("rsa" in weak and sort_of(key) == "RsaKey")


def _fill(schema: Term, bound: dict[Var, Term]) -> Term:
    """Return ``schema`` with its bound variables replaced; an unbound one stays and stands for some value."""
    match schema:
        case Var():
            return bound.get(schema, schema)
        case App(function, arguments):
            return App(function, tuple(_fill(argument, bound) for argument in arguments))
        case _:
            return schema


def call(name: str, arguments: tuple[Term, ...], labelled: dict[str, Term]) -> Term:
    """Return the term that a call of a primitive denotes.

    Several plaintexts or covered items form one tuple; ``encrypted`` and ``encrypt`` are ``aead`` without nonce and
    associated data; the HPKE calls are the KEM secret, HKDF and ``aead`` as in RFC 9180 section 5.
    """
    nonce, aad = labelled.get("nonce", EMPTY), labelled.get("aad", EMPTY)
    if name in ("aead", "encrypted", "encrypt"):
        return _f("aead", arguments[0], nonce, aad, pack(arguments[1:]))
    if name in ("pk_encrypt", "sign"):
        return _f(name, arguments[0], pack(arguments[1:]))
    if name == "hpke_seal":
        return _hpke(_f("kem_ss", *arguments[:2]), "base", ZERO, arguments[2:], aad)
    if name == "hpke_seal_psk":
        return _hpke(_f("kem_ss", *arguments[:2]), "psk", arguments[2], arguments[3:], aad)
    if name == "hpke_seal_auth":
        return _hpke(_f("auth_kem_ss", *arguments[:3]), "auth", ZERO, arguments[3:], aad)
    return _f(name, *arguments)


def _hpke(shared: Term, mode: str, psk: Term, rest: tuple[Term, ...], aad: Term) -> Term:
    secret = _f("hkdf_extract", shared, psk)
    key = _f("hkdf_expand", secret, Const(f"hpke {mode} key", LABEL), rest[0])
    nonce = _f("hkdf_expand", secret, Const(f"hpke {mode} nonce", LABEL), rest[0])
    return _f("aead", key, nonce, aad, pack(rest[1:]))


def pack(items: tuple[Term, ...]) -> Term:
    """Return one term for a sequence: the item itself if there is one, a tuple otherwise."""
    return items[0] if len(items) == 1 else App("tuple", items)


def power(base: Term, exponent: Term) -> Term:
    """Return ``base ^ exponent`` for the generator (``base`` None is not allowed) or a share ``g^x``."""
    if isinstance(base, App) and base.function == "g":
        return product(base.arguments[0], exponent)
    return _f("g", exponent)


def product(left: Term, right: Term) -> Term:
    """Return ``g^(left*right)``, the same term in either order."""
    first, second = sorted((left, right), key=lambda term: (type(term).__name__, repr(term)))
    return _f(DH, first, second)


def is_name(term: Term) -> bool:
    """Return whether ``term`` is a name of a party."""
    return sort_of(term) == NAME


def key_sort(term: Term) -> str | None:
    """Return the sort of the key in ``term``, which is a key or the public half of one; None if it is neither."""
    if isinstance(term, App) and term.function == "pk":
        return sort_of(term.arguments[0])
    return sort_of(term) if isinstance(term, Var | Key) else None
