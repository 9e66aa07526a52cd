// Says that its place is in view, once what data.after finds is on the page and painted, until data.seen answers.

const SETTLED = 100; // milliseconds in view: a place moves while the page above it is being built
const APART = 100; // between two places: what two tell at once travels in one message, and one of them is not run
const PATIENCE = 2000; // half of the wait before it is said again, which doubles: it can travel with a click as well

export default function ({data, parentElement, setStateValue}) {
  const place = parentElement.querySelector("span");
  place.style.height = `${data.height}px`;
  place.labStop?.(); // of the call before: Streamlit calls again when data change
  if (data.seen) return;
  let stopped = false, waiting, told = 0;
  const tell = () => {
    watch.disconnect();
    const now = performance.now(), turn = Math.max(now, window.labLaterTurn ?? 0);
    window.labLaterTurn = turn + APART;
    waiting = setTimeout(() => requestAnimationFrame(() => {
      if (stopped) return;
      setStateValue("ready", ++told);
      waiting = setTimeout(tell, PATIENCE * 2 ** told);
    }), turn - now);
  };
  const watch = new IntersectionObserver((found) => {
    clearTimeout(waiting);
    if (found.at(-1).isIntersecting) waiting = setTimeout(tell, SETTLED);
  }, {scrollMargin: "200px"});
  const look = () => {
    if (stopped) return;
    if (data.after && !document.querySelector(data.after)) return requestAnimationFrame(look);
    watch.observe(place);
  };
  look();
  place.labStop = () => { stopped = true; clearTimeout(waiting); watch.disconnect(); };
  return place.labStop;
}
