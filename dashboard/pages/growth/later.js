// Says once that what data.selector finds is on the page and painted.

export default function ({data, setStateValue}) {
  let stopped = false;
  const look = () => {
    if (stopped) return;
    if (!document.querySelector(data.selector)) return requestAnimationFrame(look);
    requestAnimationFrame(() => setTimeout(() => stopped || setStateValue("ready", true)));
  };
  look();
  return () => { stopped = true; };
}
