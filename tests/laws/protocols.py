"""Random Alice-and-Bob protocols as text."""

from __future__ import annotations

from random import Random

HEAD = """\
protocol random{number}
  role Alice is a given b
  role Bob is b given a
  key dec(Name): EncryptionKey published
  key sig(Name): SigningKey certified
  key shared(Name, Name): SymmetricKey
  key kem(Name): KemKey published
flow
"""


def protocol(seed: int) -> str:
    """A protocol of two to four messages; it need not be one whose roles can do what it says."""
    random = Random(seed)
    lines = [HEAD.format(number=seed)]
    known = {"Alice": ["a", "b"], "Bob": ["a", "b"]}
    fresh = {"Alice": ["n_a: Nonce", "x: Exponent"], "Bob": ["n_b: Nonce", "y: Exponent"]}
    exchanged = False
    for number in range(random.choice([2, 2, 3, 3, 4])):
        sender, receiver = ("Alice", "Bob") if number % 2 == 0 else ("Bob", "Alice")
        if fresh[sender]:
            lines.append(f"  {sender} creates {', '.join(fresh[sender])}\n")
            own = [value.partition(":")[0] for value in fresh[sender]]
            known[sender] += [own[0], f"g^{own[1]}"]
            fresh[sender] = []
        items = random.sample(known[sender], k=min(len(known[sender]), random.choice([1, 2, 3])))
        me, you = ("a", "b") if sender == "Alice" else ("b", "a")
        body = _wrapped(random, items, me, you, number, exchanged=exchanged)
        lines.append(f"  {sender} -> {receiver}: M{number} {{ {body} }}\n")
        known[receiver] += [item for item in items if item not in known[receiver]]
        exchanged = "g^x" in known["Bob"] and "g^y" in known["Alice"]
    lines.append("  Alice accepts\n  Bob accepts\nclaims\n")
    return "".join(lines)


def _wrapped(random: Random, items: list[str], me: str, you: str, number: int, *, exchanged: bool) -> str:
    inside = ", ".join([f'"{number}"'] * random.choice([0, 1]) + items)
    key = random.choice(["kdf(g^(x*y))", "shared(a, b)"]) if exchanged else "shared(a, b)"
    shapes = [
        inside,
        f"pk_encrypt(pk(dec({you})), {inside})",
        f"sign(sig({me}), {inside})",
        f"aead({key}, {inside})",
        f"{items[0]}, sign(sig({me}), {inside})",
        f"pk_encrypt(pk(dec({you})), sign(sig({me}), {inside}))",
        f"{', '.join(items)}, hmac({key}, {inside})",
        f"{items[-1]}, aead({key}, {inside}, {you})",
    ]
    return random.choice(shapes)


def composition(seed: int) -> str:
    """Two random protocols side by side that share some of their keys; the first is called ``random{2 * seed}``."""
    first, second = 2 * seed, 2 * seed + 1
    random = Random(seed)
    shared = random.sample(["dec", "sig", "shared"], k=random.choice([0, 1, 2, 3]))
    parts = "\n".join(protocol(number).removesuffix("claims\n") for number in (first, second))
    sharing = f" sharing {', '.join(shared)}" if shared else ""
    return f"{parts}\ncompose both of random{first}, random{second}{sharing}\nclaims\n"


POWERS = ("leak of sig(a)", "leak of sig after Alice accepts", "leak of dec(b) after Alice accepts", "leak of n_a of other sessions",
          "weak dh", "weak sign", "weak kem", "weak hash", "dishonest b")  # fmt: skip
"""What may follow `despite` in a claim about Alice."""


def with_kem(text: str) -> str:
    """The protocol with the first thing that Alice sends under a KEM secret for Bob beside it."""
    return text.replace(
        "  Alice accepts\n",
        "  Alice creates c: Coins\n  let w = kem_ss(pk(kem(b)), c)\n"
        "  Alice -> Bob: Sealed { kem_ct(pk(kem(b)), c), aead(kdf(w, a), n_a, hash(n_a)) }\n"
        "  Alice accepts\n",
        1,
    )


CLAIMS = """\
  s_a: secret n_a at Alice
  s_b: secret n_b at Bob
  ag_a: Alice agrees with Bob on a, b, n_a
  ag_b: Bob agrees with Alice on a, b, n_b
  full_a: Alice agrees with Bob on a, b, n_a, n_b
  full_b: Bob agrees with Alice on a, b, n_a, n_b
"""
"""One claim a line; those that speak of what a role does not hold are left out by the test."""
