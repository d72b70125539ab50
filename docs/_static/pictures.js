// A picture that is drawn smaller than it is opens in its own size.
for (const picture of document.querySelectorAll("article img")) {
  if (!picture.closest("a, .sd-card")) {
    const link = document.createElement("a");
    link.href = picture.src;
    picture.replaceWith(link);
    link.append(picture);
  }
}
