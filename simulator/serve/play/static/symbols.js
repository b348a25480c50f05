// Drawings as elements: each one is a reference to a symbol that stands in the page once.

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with these attributes. */
export function drawn(name, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** A cell that shows a symbol; `put` changes which. */
export function cell() {
  const box = document.createElement("div");
  box.className = "cell";
  const picture = drawn("svg", { viewBox: "0 0 100 100", "aria-hidden": "true" });
  picture.append(drawn("use"));
  box.append(picture);
  return box;
}

/** Let a cell show that symbol. */
export function put(box, symbol) {
  box.dataset.symbol = symbol;
  box.querySelector("use").setAttribute("href", `#s-${symbol}`);
}
