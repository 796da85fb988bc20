; What the installer says beyond NSIS's own texts, in each language.

LangString Description ${LANG_ENGLISH} "Ask questions about pictures"
LangString Description ${LANG_GERMAN} "Fragen zu Bildern stellen"
LangString Description ${LANG_SPANISH} "Hacer preguntas sobre imágenes"
LangString Description ${LANG_SIMPCHINESE} "就图片提问"

LangString Picture ${LANG_ENGLISH} "Picture"
LangString Picture ${LANG_GERMAN} "Bild"
LangString Picture ${LANG_SPANISH} "Imagen"
LangString Picture ${LANG_SIMPCHINESE} "图片"

LangString Model ${LANG_ENGLISH} "Language model"
LangString Model ${LANG_GERMAN} "Sprachmodell"
LangString Model ${LANG_SPANISH} "Modelo de lenguaje"
LangString Model ${LANG_SIMPCHINESE} "语言模型"

LangString DesktopShortcut ${LANG_ENGLISH} "Put a shortcut on the &desktop"
LangString DesktopShortcut ${LANG_GERMAN} "&Verknüpfung auf dem Desktop anlegen"
LangString DesktopShortcut ${LANG_SPANISH} "Crear un acceso directo en el &escritorio"
LangString DesktopShortcut ${LANG_SIMPCHINESE} "在桌面创建快捷方式(&D)"

LangString StillOpen ${LANG_ENGLISH} "${NAME} is still open:$\r$\n$R1$\r$\n$\r$\nPlease close it, then choose Retry. Nothing has been changed so far."
LangString StillOpen ${LANG_GERMAN} "${NAME} ist noch geöffnet:$\r$\n$R1$\r$\n$\r$\nBitte schließen Sie es und wählen Sie dann „Wiederholen“. Bisher wurde nichts verändert."
LangString StillOpen ${LANG_SPANISH} "${NAME} sigue abierto:$\r$\n$R1$\r$\n$\r$\nCiérrelo y elija «Reintentar». Hasta ahora no se ha cambiado nada."
LangString StillOpen ${LANG_SIMPCHINESE} "${NAME} 仍在运行:$\r$\n$R1$\r$\n$\r$\n请先将其关闭,然后选择“重试”。目前未作任何更改。"

LangString OtherSetup ${LANG_ENGLISH} "${NAME}'s setup is already open. Please finish or close it first."
LangString OtherSetup ${LANG_GERMAN} "Die Installation von ${NAME} ist bereits geöffnet. Bitte beenden oder schließen Sie sie zuerst."
LangString OtherSetup ${LANG_SPANISH} "La instalación de ${NAME} ya está abierta. Termínela o ciérrela primero."
LangString OtherSetup ${LANG_SIMPCHINESE} "${NAME} 的安装程序已经打开。请先完成或关闭它。"

LangString NeedsWindows10 ${LANG_ENGLISH} "${NAME} needs Windows 10 or newer."
LangString NeedsWindows10 ${LANG_GERMAN} "${NAME} benötigt Windows 10 oder neuer."
LangString NeedsWindows10 ${LANG_SPANISH} "${NAME} necesita Windows 10 o posterior."
LangString NeedsWindows10 ${LANG_SIMPCHINESE} "${NAME} 需要 Windows 10 或更高版本。"

LangString CannotReplace ${LANG_ENGLISH} "$R1 cannot be written: another program may have it open, or the folder takes no files of yours. What was there before is as it was. Close other programs or choose another folder, and try again."
LangString CannotReplace ${LANG_GERMAN} "$R1 lässt sich nicht schreiben: Vielleicht hat ein anderes Programm die Datei geöffnet, oder der Ordner nimmt keine Dateien von Ihnen an. Was vorher da war, ist unverändert. Schließen Sie andere Programme oder wählen Sie einen anderen Ordner und versuchen Sie es noch einmal."
LangString CannotReplace ${LANG_SPANISH} "No se puede escribir $R1: quizá lo tenga abierto otro programa, o la carpeta no admite archivos suyos. Lo que había antes sigue como estaba. Cierre otros programas o elija otra carpeta e inténtelo de nuevo."
LangString CannotReplace ${LANG_SIMPCHINESE} "无法写入 $R1:可能有其他程序正在使用它,或者您不能在该文件夹中保存文件。原有内容保持不变。请关闭其他程序或选择其他文件夹,然后重试。"

LangString NotOurs ${LANG_ENGLISH} "$R1 is already there and is not a file that ${NAME}'s setup has put there. Nothing was changed. Please choose another folder, for instance a new one."
LangString NotOurs ${LANG_GERMAN} "$R1 ist schon vorhanden und stammt nicht von der Installation von ${NAME}. Nichts wurde verändert. Bitte wählen Sie einen anderen Ordner, zum Beispiel einen neuen."
LangString NotOurs ${LANG_SPANISH} "$R1 ya existe y no lo puso la instalación de ${NAME}. No se ha cambiado nada. Elija otra carpeta, por ejemplo una nueva."
LangString NotOurs ${LANG_SIMPCHINESE} "$R1 已经存在,且不是 ${NAME} 安装程序放置的文件。未作任何更改。请选择其他文件夹,例如新建一个。"

LangString un.NotHere ${LANG_ENGLISH} "There is no ${NAME} in this folder. Please start the uninstaller from where ${NAME} is installed."
LangString un.NotHere ${LANG_GERMAN} "In diesem Ordner ist kein ${NAME}. Bitte starten Sie die Deinstallation dort, wo ${NAME} installiert ist."
LangString un.NotHere ${LANG_SPANISH} "No hay ningún ${NAME} en esta carpeta. Inicie la desinstalación desde donde está instalado ${NAME}."
LangString un.NotHere ${LANG_SIMPCHINESE} "此文件夹中没有 ${NAME}。请从 ${NAME} 的安装位置启动卸载程序。"

LangString un.Title ${LANG_ENGLISH} "Uninstall ${NAME}"
LangString un.Title ${LANG_GERMAN} "${NAME} deinstallieren"
LangString un.Title ${LANG_SPANISH} "Desinstalar ${NAME}"
LangString un.Title ${LANG_SIMPCHINESE} "卸载 ${NAME}"

LangString un.Subtitle ${LANG_ENGLISH} "What you have made stays, unless you say otherwise."
LangString un.Subtitle ${LANG_GERMAN} "Was Sie gemacht haben, bleibt, wenn Sie nichts anderes sagen."
LangString un.Subtitle ${LANG_SPANISH} "Lo que usted ha hecho se conserva, salvo que indique lo contrario."
LangString un.Subtitle ${LANG_SIMPCHINESE} "除非您另作选择,否则您的内容会保留。"

LangString un.Question ${LANG_ENGLISH} "The program will be removed. Your conversations, models and settings stay for a later installation. Tick what shall be deleted as well; this cannot be undone."
LangString un.Question ${LANG_GERMAN} "Das Programm wird entfernt. Ihre Unterhaltungen, Modelle und Einstellungen bleiben für eine spätere Installation erhalten. Wählen Sie, was außerdem gelöscht werden soll; das lässt sich nicht rückgängig machen."
LangString un.Question ${LANG_SPANISH} "Se quitará el programa. Sus conversaciones, modelos y ajustes se conservan para una instalación posterior. Marque lo que también deba eliminarse; no se puede deshacer."
LangString un.Question ${LANG_SIMPCHINESE} "将移除程序。您的对话、模型和设置会保留,供以后安装时使用。请勾选还需删除的内容;此操作无法撤消。"

LangString un.DeleteConversations ${LANG_ENGLISH} "Delete my &conversations and the pictures in them"
LangString un.DeleteConversations ${LANG_GERMAN} "Meine &Unterhaltungen und die Bilder darin löschen"
LangString un.DeleteConversations ${LANG_SPANISH} "Eliminar mis &conversaciones y sus imágenes"
LangString un.DeleteConversations ${LANG_SIMPCHINESE} "删除我的对话及其中的图片(&C)"

LangString un.DeleteModels ${LANG_ENGLISH} "Delete &models and engines that ${NAME} has downloaded (models: $3 MB)"
LangString un.DeleteModels ${LANG_GERMAN} "&Modelle und Engines löschen, die ${NAME} geladen hat (Modelle: $3 MB)"
LangString un.DeleteModels ${LANG_SPANISH} "Eliminar los &modelos y motores que ${NAME} ha descargado (modelos: $3 MB)"
LangString un.DeleteModels ${LANG_SIMPCHINESE} "删除 ${NAME} 下载的模型和引擎(模型:$3 MB)(&M)"

LangString un.DeleteRest ${LANG_ENGLISH} "Delete &settings, logs and caches"
LangString un.DeleteRest ${LANG_GERMAN} "&Einstellungen, Protokolle und Zwischenspeicher löschen"
LangString un.DeleteRest ${LANG_SPANISH} "Eliminar &ajustes, registros y cachés"
LangString un.DeleteRest ${LANG_SIMPCHINESE} "删除设置、日志和缓存(&S)"

LangString un.Program ${LANG_ENGLISH} "The program lies in"
LangString un.Program ${LANG_GERMAN} "Das Programm liegt in"
LangString un.Program ${LANG_SPANISH} "El programa está en"
LangString un.Program ${LANG_SIMPCHINESE} "程序位于"

LangString un.Button ${LANG_ENGLISH} "&Uninstall"
LangString un.Button ${LANG_GERMAN} "&Deinstallieren"
LangString un.Button ${LANG_SPANISH} "&Desinstalar"
LangString un.Button ${LANG_SIMPCHINESE} "卸载(&U)"
