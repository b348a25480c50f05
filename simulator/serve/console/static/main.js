// What a page begins with: whichever it is says `data-page`.

import { compose } from "./compose.js";
import { connect } from "./connect.js";
import { listen } from "./detail.js";
import { Journal } from "./journal.js";
import { showState } from "./live.js";
import { Region } from "./region.js";
import { localTimes } from "./texts.js";

const lang = document.querySelector(".lang select");
lang?.addEventListener("change", () => lang.form.submit());
document.documentElement.classList.add("scripted");
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

switch (document.body.dataset.page) {
  case "journal":
    new Journal();
    break;
  case "region":
    new Region();
    break;
  case "connect":
    connect(document.getElementById("main"));
    new Region();
    break;
  case "compose":
    compose(document.getElementById("main"));
    document.getElementById("live").hidden = true;
    break;
  case "exchange":
    listen(document.getElementById("main"));
    localTimes(document);
    showState("live");
    document.getElementById("live").hidden = true;
    break;
  default:
    // Nothing on the page changes.
    localTimes(document);
    document.getElementById("live")?.remove();
}
