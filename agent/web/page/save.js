// Saves what is shown as one HTML file that needs nobody: for an incident's record, or to be mailed.
'use strict';

/// The page as it stands, without scripts: pictures of its canvases, its styles, and the answers of the API that it was made of.
function savedPage(answers) {
  // Of a document that is not shown: nothing of it is loaded.
  const other = document.implementation.createHTMLDocument('');
  const copy = other.importNode(document.documentElement, true);
  const [drawn, copied] = [document, copy].map(root => [...root.querySelectorAll('canvas')]);
  copied.forEach((canvas, i) => {
    const picture = other.createElement('img');
    picture.src = drawn[i].width > 0 && drawn[i].height > 0 ? drawn[i].toDataURL() : 'data:,';
    picture.alt = '';
    picture.className = canvas.className;
    picture.style.cssText = canvas.style.cssText;
    canvas.replaceWith(picture);
  });
  for (const part of copy.querySelectorAll('script, link, noscript, #ranges, #views, #save, form.watch, label:has(#pause), .flame-head button, .flame-more')) part.remove();
  const place = location.href.split('#')[0];
  for (const link of copy.querySelectorAll('a[href]')) link.href = new URL(link.getAttribute('href'), place).href;
  for (const choice of copy.querySelectorAll('button, select, input')) choice.disabled = true;
  const style = document.createElement('style');
  style.textContent = [...document.styleSheets].flatMap(sheet => [...sheet.cssRules].map(rule => rule.cssText)).join('\n');
  const data = document.createElement('script');
  data.type = 'application/json';
  data.id = 'data';
  data.textContent = JSON.stringify(answers).replace(/</g, '\\u003c');
  copy.querySelector('head').append(style);
  copy.querySelector('main').append(element('p', { className: 'hint' }, `Saved ${text.time(Date.now())} from ${location.href}; the numbers are in this file as JSON.`), data);
  return '<!DOCTYPE html>\n' + copy.outerHTML;
}

function saveAsFile(name, content, type) {
  const link = element('a', { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60e3);
}
