// Money as text and as whole cents (BigInt), never as a floating-point number.

const CANONICAL = /^-?\d+\.\d{2}$/;

/** "-12.30" → -1230n. */
export function cents(text) {
  if (!CANONICAL.test(text)) throw new TypeError(`no amount: ${text}`);
  return BigInt(text.replace(".", ""));
}

/** -1230n → "-12.30". */
export function canonical(amount) {
  const digits = String(amount < 0n ? -amount : amount).padStart(3, "0");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** "1234.50" with the player's separators: "1.234,50". */
export function grouped(text, format) {
  if (!CANONICAL.test(text)) throw new TypeError(`no amount: ${text}`);
  const [units, decimals] = text.replace("-", "").split(".");
  return units.replace(/\B(?=(\d{3})+$)/g, format.group) + format.decimal + decimals;
}

/** "1234.50" as the player writes money: "1.234,50 ₺". */
export function money(text, format) {
  const sign = text.startsWith("-") ? "-" : "";
  return sign + format.before + grouped(text, format) + format.after;
}
