"use strict";
// Shows one step at a time. All numbers and formulas are in the page: with no script, the steps stand one below the other.
(() => {
  const steps = [...document.querySelectorAll(".step")];
  const links = [...document.querySelectorAll(".steps a")];
  const [previous, next, where] = ["previous", "next", "where"].map((id) => document.getElementById(id));
  let current = -1;

  // What can be scrolled takes the focus, and only that.
  function settle() {
    for (const box of steps[current].querySelectorAll(".wide, .formula, .said")) {
      const high = box.matches(".wide") && box.scrollHeight > box.clientHeight;
      if (high || box.scrollWidth > box.clientWidth) {
        box.tabIndex = 0;
      } else {
        box.removeAttribute("tabindex");
      }
    }
  }

  function show(i, { remember = true } = {}) {
    i = Math.min(Math.max(i, 0), steps.length - 1);
    if (i === current) {
      return;
    }
    current = i;
    steps.forEach((step, k) => step.classList.toggle("current", k === i));
    links.forEach((link, k) => (k === i ? link.setAttribute("aria-current", "step") : link.removeAttribute("aria-current")));
    previous.setAttribute("aria-disabled", String(i === 0));
    next.setAttribute("aria-disabled", String(i === steps.length - 1));
    where.textContent = `Step ${i + 1} of ${steps.length}: ${links[i].textContent}`;
    if (remember) {
      history.replaceState(null, "", `#step-${i + 1}`);
    }
    const picture = steps[i].querySelector(".network");
    if (picture) {
      picture.scrollLeft = Number(picture.firstElementChild.dataset.now) - picture.clientWidth / 2;
    }
    settle();
  }

  function fromAddress() {
    const found = /^#step-(\d+)$/.exec(location.hash);
    if (found) {
      show(Number(found[1]) - 1, { remember: false });
    }
    return found !== null;
  }

  previous.addEventListener("click", () => show(current - 1));
  next.addEventListener("click", () => show(current + 1));
  window.addEventListener("hashchange", () => {
    if (fromAddress()) {
      document.getElementById(`name-${current + 1}`).focus({ preventScroll: true });
    }
  });
  window.addEventListener("resize", settle);
  document.addEventListener("keydown", (event) => {
    const to = { ArrowRight: current + 1, ArrowLeft: current - 1, Home: 0, End: steps.length - 1 }[event.key];
    const scrolls = event.target.closest("[tabindex='0']");
    if (to === undefined || scrolls || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    event.preventDefault();
    show(to);
  });
  // Columns are the input, then the layers; a click on one goes to where it is reached on the way forward.
  document.addEventListener("click", (event) => {
    const column = event.target.closest(".column");
    if (column) {
      show(Number(column.dataset.column));
    }
  });

  document.body.classList.add("stepping");
  for (const hidden of document.querySelectorAll(".controls, .keys")) {
    hidden.hidden = false;
  }
  if (!fromAddress()) {
    show(0, { remember: false });
  }
})();
