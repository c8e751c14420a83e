// Drags a picture with the mouse and zooms it with the wheel, around where the mouse is.
(function () {
  'use strict';
  const svg = document.documentElement;
  const port = document.getElementById('viewport');
  let scale = 1;
  let x = 0;
  let y = 0;
  let held = null;
  const place = () => port.setAttribute('transform', `translate(${x} ${y}) scale(${scale})`);

  // At first the whole picture shows, never larger than it was drawn.
  const fit = () => {
    const box = port.getBBox();
    if (box.width === 0 || box.height === 0) return;
    scale = Math.min(window.innerWidth / box.width, window.innerHeight / box.height, 1) || 1;
    x = (window.innerWidth - box.width * scale) / 2 - box.x * scale;
    y = -box.y * scale;
    place();
  };
  svg.addEventListener('wheel', event => {
    event.preventDefault();
    const factor = Math.exp(-Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) / 400);
    x = event.clientX - (event.clientX - x) * factor;
    y = event.clientY - (event.clientY - y) * factor;
    scale *= factor;
    place();
  }, { passive: false });
  svg.addEventListener('pointerdown', event => {
    held = { x: event.clientX - x, y: event.clientY - y };
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener('pointermove', event => {
    if (!held) return;
    x = event.clientX - held.x;
    y = event.clientY - held.y;
    place();
  });
  svg.addEventListener('pointerup', () => { held = null; });
  svg.addEventListener('dblclick', fit);
  fit();
})();
