"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  for (const [id, figure] of Object.entries(charts)) {
    const place = document.getElementById(id);
    if (place) headwater.paint(place, figure);
  }
})();
