// Says once that its place is in view, and that what data.after finds is on the page and painted.

export default function ({data, parentElement, setStateValue}) {
  let stopped = false;
  const tell = () => requestAnimationFrame(() => setTimeout(() => stopped || setStateValue("ready", true)));
  const watch = new IntersectionObserver((found) => {
    if (!found.some((one) => one.isIntersecting)) return;
    watch.disconnect();
    tell();
  }, {scrollMargin: "200px"});
  const look = () => {
    if (stopped) return;
    if (data.after && !document.querySelector(data.after)) return requestAnimationFrame(look);
    watch.observe(parentElement.querySelector("span"));
  };
  look();
  return () => { stopped = true; watch.disconnect(); };
}
